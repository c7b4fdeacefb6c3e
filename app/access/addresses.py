"""What comes without a valid key, by address."""

from app.access.client_address import network_of
from app.access.principal import Principal
from app.access.rate_limit import RateLimit

# Addresses that are remembered: 1 kB each.
MAX_ADDRESSES = 10_000


class Visitor:
    """Somebody without a valid key. `wrong_keys` limits how often one may be tried."""

    __slots__ = ("principal", "wrong_keys")

    def __init__(self, principal: Principal, wrong_keys: RateLimit) -> None:
        self.principal = principal
        self.wrong_keys = wrong_keys

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten: a new one would be no different."""
        limits = (self.principal.requests, self.principal.events, self.wrong_keys)
        return all(limit is None or limit.is_full(now) for limit in limits)


class Addresses:
    """The visitors by address; an IPv6 network of 64 bits is one, because anybody has as many addresses in it.

    `requests` and `events` a second, 0: without limit. `wrong_keys` a minute.
    """

    def __init__(self, requests: float, events: float, wrong_keys: float) -> None:
        self._requests = requests
        self._events = events
        self._wrong_keys = wrong_keys
        self._visitors: dict[str, Visitor] = {}

    def __len__(self) -> int:
        return len(self._visitors)

    def of(self, address: str, now: float) -> Visitor:
        """The visitor at an address."""
        name = network_of(address)
        visitor = self._visitors.get(name)
        if visitor is None:
            if len(self._visitors) >= MAX_ADDRESSES:
                self._forget(now)
            visitor = self._visitors[name] = self._new()
        return visitor

    def _new(self) -> Visitor:
        principal = Principal(frozenset(), self._requests, self._events)
        return Visitor(principal, RateLimit(self._wrong_keys / 60, max(1.0, self._wrong_keys)))

    def _forget(self, now: float) -> None:
        """Those that are idle; if they are few, the oldest as well. Who has an answer under way stays."""
        quiet = {name: visitor for name, visitor in self._visitors.items() if not visitor.principal.holds}
        busy = [name for name, visitor in quiet.items() if not visitor.is_idle(now)]
        kept = set(busy[-MAX_ADDRESSES // 2 :])
        for name in quiet.keys() - kept:
            del self._visitors[name]

    def end(self) -> None:
        """Ends what they were let in for."""
        for visitor in self._visitors.values():
            visitor.principal.end()
        self._visitors.clear()
