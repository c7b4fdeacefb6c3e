"""What waits to be sent: events in their order, then the heartbeats that are due. Knows no network and no threads."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from modepulse_client.batch import Batch, Delivered, Lost
from modepulse_client.event import Event, EventsName, fault_of
from modepulse_client.loss import Loss
from modepulse_client.options import Options
from modepulse_client.totals import Totals

# Between two stamps at least: the service keeps microseconds, and two events of a session at one time are one.
_TICK = 0.000_002
CLOSED = "the client was closed before they could be sent"
_Session = tuple[str, int | str, str]


class QueueFull(Exception):
    """The queue is full, and `when_full` is `raise`. The event is not queued."""


class Outbox:
    """Not safe for threads by itself. `clock` is the time of day, `timer` measures."""

    def __init__(
        self,
        options: Options,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options, self._clock, self._timer = options, clock, timer
        self._events: deque[tuple[float, Event]] = deque()
        self._sessions: dict[_Session, None] = {}
        # Sessions to report in this round, and as what.
        self._round: deque[_Session] = deque()
        self._round_name: EventsName = "HEARTBEAT"
        self._next_round = timer() + options.heartbeat_seconds
        self._last_stamp = 0.0
        self._losses: dict[tuple[str, str], Loss] = {}
        self._under_way = 0
        self._ended = False
        self._totals = Totals()
        # Events ever queued, and those that no longer wait for an answer.
        self.put_count = self.settled_count = 0

    def put(self, name: EventsName, user_id: str, area_code: int | str, mode: str, at: float | None = None) -> None:
        """Queues an event; one that cannot be valid is lost at once. Raises QueueFull."""
        event = self._event(name, (user_id, area_code, mode), at)
        if fault := fault_of(event):
            self.lose("invalid_event", fault, [event])
            return
        if self._ended:
            self.lose("closed", CLOSED, [event])
            return
        if len(self._events) >= self._options.queue_events:
            if self._options.when_full == "raise":
                raise QueueFull(f"{len(self._events)} events wait")
            self.lose(
                "queue_full", "the service does not take events as fast as they come", [self._events.popleft()[1]]
            )
            self.settled_count += 1
        session = (user_id, str(area_code), mode)
        if name == "LOGOUT":
            self._sessions.pop(session, None)
        else:
            self._sessions[session] = None
        self._events.append((self._timer(), event))
        self.put_count += 1

    def log_out_all(self) -> None:
        """Ends all sessions, in place of heartbeats."""
        self._round, self._round_name = deque(self._sessions), "LOGOUT"

    def next_batch(self, at_once: bool = False) -> Batch | None:
        """What is to be sent now; None: nothing is yet. `at_once`: without waiting for more events."""
        if self._options.heartbeat_seconds and self._timer() >= self._next_round:
            self._next_round = self._timer() + self._options.heartbeat_seconds
            if not self._round:
                self._round, self._round_name = deque(self._sessions), "HEARTBEAT"
        if not (at_once or self._round or self.seconds_to_next() <= 0):
            return None
        events: list[Event] = []
        while self._events and len(events) < self._options.batch_events:
            events.append(self._events.popleft()[1])
        queued = len(events)
        while self._round and len(events) < self._options.batch_events:
            session = self._round.popleft()
            if session in self._sessions:
                events.append(self._event(self._round_name, session))
                if self._round_name == "LOGOUT":
                    del self._sessions[session]
        if not events:
            return None
        self._under_way += len(events)
        return Batch(events, queued, self._timer() + self._options.give_up_seconds)

    def seconds_to_next(self) -> float:
        """Until something may have to be sent; not positive: now."""
        waits = [3600.0]
        if self._events:
            full = len(self._events) >= self._options.batch_events
            waits.append(0 if full else self._events[0][0] + self._options.batch_seconds - self._timer())
        if self._options.heartbeat_seconds and self._sessions:
            waits.append(self._next_round - self._timer())
        return min(waits)

    def conclude(self, batch: Batch, verdict: Delivered | Lost) -> None:
        """The batch was answered, or is lost."""
        if self._ended:
            return
        self.settled_count += batch.queued
        self._under_way -= len(batch.events)
        if isinstance(verdict, Lost):
            self.lose(verdict.code, verdict.message, batch.events)
            return
        self._totals.accepted += verdict.accepted
        self._totals.applied += verdict.applied
        refused = {position: (code, message) for position, code, message in reversed(verdict.faults)}
        for position, (code, message) in sorted(refused.items()):
            self.lose(code, message, [batch.events[position]])
        unnamed = len(batch.events) - verdict.accepted - len(refused)
        self.lose("refused", "the service named only the first faults", [], max(unnamed, 0))

    def retry(self) -> None:
        """A request is repeated."""
        self._totals.retries += 1

    def lose(self, code: str, message: str, events: Sequence[Event], count: int | None = None) -> None:
        """`count`: of all that were lost, where not all are known."""
        count = len(events) if count is None else count
        if count:
            self._totals.lost += count
            self._losses.setdefault((code, message), Loss(code, message)).add(events, count)

    def lose_all(self) -> None:
        """The client ends: what waits is lost."""
        waiting = [event for _, event in self._events]
        self._events.clear()
        self.settled_count = self.put_count
        self.lose("closed", CLOSED, waiting, len(waiting) + self._under_way)
        self._round.clear()
        self._sessions.clear()
        self._under_way, self._ended = 0, True

    def take_losses(self) -> list[Loss]:
        """Those since the last call."""
        losses = list(self._losses.values())
        self._losses = {}
        return losses

    @property
    def idle(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return not (self._events or self._round or self._under_way)

    @property
    def totals(self) -> Totals:
        """A copy, as of now."""
        return replace(self._totals, queued=len(self._events) + self._under_way)

    def _event(self, name: EventsName, session: _Session, at: float | None = None) -> Event:
        user_id, area_code, mode = session
        event: Event = {
            "area_code": area_code,
            "multiplayer_mode": mode,
            "user_id": user_id,
            "events_name": name,
        }
        if at is not None:
            event["epoch_timestamp"] = at
        elif self._options.stamp:
            event["epoch_timestamp"] = self._last_stamp = max(self._clock(), self._last_stamp + _TICK)
        return event
