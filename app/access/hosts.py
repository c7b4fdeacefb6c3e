"""The host names that this service answers to: a foreign name that resolves to it (DNS rebinding) gets nothing."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.contract.memo import Memo
from app.errors import Problem
from app.setting_forms import ANY, LABELS, parse_hosts

# Accepted Host headers, and how long (in bytes) each may be.
MAX_REMEMBERED = 1000
MAX_REMEMBERED_HOST = 255
# Probes come by the address of the machine; these paths say nothing but that the service is up.
HEALTH_PATHS = frozenset(("/healthz", "/healthz/", "/readyz", "/readyz/"))

_host = re.compile(rf"({LABELS}|\[[0-9a-f:.]+\])\.?(?::([0-9]{{0,5}}))?", re.ASCII).fullmatch


class Hosts:
    """Decides by the raw Host header; one in `accepted` needs no check.

    `listed`: MODEPULSE_ALLOWED_HOSTS. Without it, a listener that only this machine reaches (`loopback`) answers to the
    names of this machine alone, any other to every name.
    """

    def __init__(self, listed: str, loopback: bool) -> None:
        names = parse_hosts(listed)
        self._local = loopback and not names
        self._any = ANY in names or not (names or self._local)
        self._needs_host = bool(names) and not self._any
        self._exact = frozenset(names)
        self._suffixes = tuple(name.removeprefix("*") for name in names if name.startswith("*."))
        self.accepted: Memo[bytes, bool] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_HOST)

    def check(self, host: bytes | None, http_version: str, path: str) -> None:
        """Raises Problem: 421 for another host's name, 400 for what is no name. `host`: b"" when it was given twice."""
        if host is None:
            # HTTP/1.0 had no Host yet; every browser sends one.
            if http_version != "1.0" or self._needs_host:
                raise _malformed()
            return
        found = _host(host.lower().decode("latin-1"))
        if found is None:
            raise _malformed()
        name, port = found.groups()
        if self._serves(name, port):
            self.accepted.keep(host, True, len(host))
        elif not (path in HEALTH_PATHS and (name == "localhost" or _address(name))):
            raise Problem(421, "unknown_host", "This host name is not served here; see MODEPULSE_ALLOWED_HOSTS")

    def _serves(self, name: str, port: str | None) -> bool:
        if self._any:
            return True
        if self._local:
            address = _address(name)
            return name == "localhost" if address is None else address.is_loopback
        with_port = {name, f"{name}:{port}"}
        return not with_port.isdisjoint(self._exact) or _ends_with(with_port, self._suffixes)


def _ends_with(names: Iterable[str], suffixes: tuple[str, ...]) -> bool:
    return any(name.endswith(suffixes) for name in names)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def _malformed() -> Problem:
    """RFC 9112, 3.2: a request without a Host, with several, or with one that is none."""
    return Problem(400, "unknown_host", "One Host header is required, a name or an address with an optional port")
