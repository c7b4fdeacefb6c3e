"""The session rule a second time, written from docs/session-rule.md alone, to compare the script with."""

from dataclasses import dataclass, field

from app.contract.outcome import EventKind, Outcome


@dataclass
class Session:
    """`last`: time of the last event that counted, in microseconds."""

    active: bool
    last: int


@dataclass
class Model:
    """Sessions by (user, area|mode). Events of the past only: nothing here is late or ahead of the clock."""

    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    logged: int = 0

    def record(self, user: str, area_mode: str, kind: EventKind, at: int) -> Outcome:
        """Applies one event; `at` in microseconds."""
        outcome = self._apply(user, area_mode, kind, at)
        keep_alive = outcome is Outcome.REFRESHED and kind is EventKind.HEARTBEAT
        if outcome is not Outcome.DUPLICATE and not keep_alive:
            self.logged += 1
        return outcome

    def _apply(self, user: str, area_mode: str, kind: EventKind, at: int) -> Outcome:
        wants_active = kind is not EventKind.LOGOUT
        session = self.sessions.get((user, area_mode))
        if session is None:
            self.sessions[user, area_mode] = Session(wants_active, at)
            return Outcome.APPLIED if wants_active else Outcome.REFRESHED
        if at < session.last:
            return Outcome.STALE
        if at == session.last:
            if session.active and not wants_active:
                session.active = False
                return Outcome.APPLIED
            return Outcome.DUPLICATE if session.active == wants_active else Outcome.STALE
        changes = session.active != wants_active
        session.active, session.last = wants_active, at
        return Outcome.APPLIED if changes else Outcome.REFRESHED

    def counters(self) -> dict[str, int]:
        """area|mode -> active sessions; none that is 0."""
        counters: dict[str, int] = {}
        for (_, area_mode), session in self.sessions.items():
            if session.active:
                counters[area_mode] = counters.get(area_mode, 0) + 1
        return counters
