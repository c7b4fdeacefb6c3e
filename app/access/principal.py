"""Who makes a request."""

import asyncio
from math import inf

from app.contract.api_key import Scope

EVERYTHING = frozenset(Scope)


class Principal:
    """A key, the admin token, or somebody without either.

    `id` and `name` are the key's, `admin` for the token and empty without a key. `until` (of time.monotonic()) is when
    the key expires.
    """

    __slots__ = ("_held", "ended", "id", "name", "scopes", "until")

    def __init__(self, scopes: frozenset[Scope], identity: str = "", name: str = "", until: float = inf) -> None:
        self.id = identity
        self.name = name
        self.scopes = scopes
        self.until = until
        self.ended = False
        self._held: set[asyncio.Future[None]] = set()

    def hold(self, client: "asyncio.Future[None]") -> None:
        """`client` is cancelled when this principal ends: for answers without end."""
        if self.ended:
            client.cancel()
            return
        self._held.add(client)
        client.add_done_callback(self._held.discard)

    def end(self) -> None:
        """What was let in with it goes on no longer."""
        self.ended = True
        for client in list(self._held):
            client.cancel()
