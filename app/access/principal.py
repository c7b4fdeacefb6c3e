"""Who makes a request."""

import asyncio
from math import inf
from time import monotonic

from app.access.rate_limit import per_second
from app.access.refusals import event_rate_exceeded
from app.contract.api_key import Scope

EVERYTHING = frozenset(Scope)
# Events that a request may always hold, however few a second are allowed: it takes a full bucket.
MIN_EVENT_BURST = 10_000


class Principal:
    """A key, the admin token, or somebody without either.

    `id` and `name` are the key's, `admin` for the token and empty without a key. `until` (of time.monotonic()) is when
    the key expires. `requests` and `events` are what it may make and record a second, 0: without limit.
    """

    __slots__ = ("_held", "ended", "events", "id", "name", "requests", "scopes", "until")

    def __init__(
        self,
        scopes: frozenset[Scope],
        requests: float,
        events: float,
        identity: str = "",
        name: str = "",
        until: float = inf,
    ) -> None:
        self.id = identity
        self.name = name
        self.scopes = scopes
        self.requests = per_second(requests)
        self.events = per_second(events, MIN_EVENT_BURST)
        self.until = until
        self.ended = False
        self._held: set[asyncio.Future[None]] = set()

    def take_events(self, count: int) -> None:
        """To be called before events are recorded. Raises Problem (429)."""
        if self.events is not None and count:
            now = monotonic()
            wait = self.events.take(count, now)
            if wait:
                raise event_rate_exceeded(self.events, wait, now)

    def hold(self, client: "asyncio.Future[None]") -> None:
        """`client` is cancelled when this principal ends: for answers without end."""
        if self.ended:
            client.cancel()
            return
        self._held.add(client)
        client.add_done_callback(self._held.discard)

    @property
    def holds(self) -> bool:
        """Whether an answer without end is under way."""
        return bool(self._held)

    def end(self) -> None:
        """What was let in with it goes on no longer."""
        self.ended = True
        for client in list(self._held):
            client.cancel()
