"""The session rule once more, written from the contract's words alone, for comparison with the script."""

from dataclasses import dataclass, field


@dataclass
class Session:
    active: bool
    last: int


@dataclass
class Model:
    """Sessions by (user, area|mode). Events of the past only: nothing here is late or ahead of the clock."""

    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    logged: int = 0

    def take(self, user: str, member: str, kind: str, at: int) -> str:
        """The name of the outcome."""
        outcome = self._apply(user, member, kind, at)
        if outcome != "duplicate" and not (outcome == "refreshed" and kind == "HEARTBEAT"):
            self.logged += 1
        return outcome

    def _apply(self, user: str, member: str, kind: str, at: int) -> str:
        wants_active = kind in ("LOGIN", "HEARTBEAT")
        session = self.sessions.get((user, member))
        if session is None:
            self.sessions[user, member] = Session(wants_active, at)
            return "applied" if wants_active else "refreshed"
        if at < session.last:
            return "stale"
        if at == session.last:
            if session.active and not wants_active:
                session.active = False
                return "applied"
            return "duplicate" if session.active == wants_active else "stale"
        changes = session.active != wants_active
        session.active, session.last = wants_active, at
        return "applied" if changes else "refreshed"

    def counters(self) -> dict[str, int]:
        counters: dict[str, int] = {}
        for (_, member), session in self.sessions.items():
            if session.active:
                counters[member] = counters.get(member, 0) + 1
        return counters
