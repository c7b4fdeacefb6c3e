"""How many of something there may be at a time: from one address, and in all."""

from collections.abc import Callable

from app.access.client_address import network_of
from app.errors import Problem


class Occupancy:
    """Counts those that are there; a limit of 0 is none. Clients of a Unix socket have the address "" and no limit.

    `full` and `crowded` make the refusals, in all and of one address. `is_exempt`: addresses that many clients share.
    """

    def __init__(
        self,
        most: int,
        most_per_address: int,
        full: Callable[[], Problem],
        crowded: Callable[[], Problem],
        is_exempt: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._full = full
        self._crowded = crowded
        self._is_exempt = is_exempt
        self._of_network: dict[str, int] = {}
        self._all = 0

    def enter(self, address: str) -> Problem | None:
        """Counts one more; returns the refusal where there is no room. Refused or not, it has to leave again."""
        network = network_of(address)
        self._all += 1
        count = self._of_network[network] = self._of_network.get(network, 0) + 1
        if self._most and self._all > self._most:
            return self._full()
        if address and self._most_per_address and count > self._most_per_address and not self._is_exempt(address):
            return self._crowded()
        return None

    def leave(self, address: str) -> None:
        """To be called once for each `enter`."""
        network = network_of(address)
        self._all -= 1
        if self._of_network[network] == 1:
            del self._of_network[network]
        else:
            self._of_network[network] -= 1
