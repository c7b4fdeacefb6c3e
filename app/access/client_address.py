"""The address of the client, also behind proxies that are trusted to name it."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from app.contract.memo import Memo
from app.setting_forms import UNIX, parse_list, parse_networks

MAX_REMEMBERED = 10_000
# Bytes of an X-Forwarded-For header.
MAX_REMEMBERED_HEADER = 300
# Whoever has an IPv6 address has a network of them.
_IPV6_NETWORK_BITS = 64


def client_address(scope: Scope) -> str:
    """The client's IP address, behind trusted proxies too; empty for the client of a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(maxsize=MAX_REMEMBERED)
def network_of(address: str) -> str:
    """What counts as one address: of IPv6 its network of 64 bits."""
    if ":" not in address:
        return address
    parsed = _parsed(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed or address)
    return str(IPv6Address(int(parsed) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS))


class TrustedProxies:
    """`listed`: MODEPULSE_TRUSTED_PROXIES. What anybody else says about addresses and schemes is not believed."""

    def __init__(self, listed: str) -> None:
        self._networks = parse_networks(listed)
        self._unix = UNIX in parse_list(listed)
        self._peers: Memo[str, tuple[str, bool]] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_HEADER)
        self._forwarded: Memo[tuple[str, bytes], str] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_HEADER)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._networks) or self._unix

    def reveal_client(self, scope: Scope) -> None:
        """Puts the client's address and scheme into the scope, in place of the proxy's.

        The address is the last one of X-Forwarded-For that is no trusted proxy's, the scheme that of X-Forwarded-Proto.
        """
        address, trusted = self._peer(scope)
        if not trusted:
            return
        headers = scope["headers"]
        forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        found = self._forwarded.get((address, forwarded))
        if found is None:
            last = self._last_untrusted(address, forwarded)
            found = self._forwarded.keep((address, forwarded), last, len(forwarded))
        scope["client"] = (found, 0)
        for name, value in headers:
            if name == b"x-forwarded-proto":
                scope["scheme"] = "https" if value.partition(b",")[0].strip().lower() == b"https" else "http"

    def is_trusted(self, address: str) -> bool:
        """`address` is empty for a Unix socket."""
        if not address:
            return self._unix
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def _peer(self, scope: Scope) -> tuple[str, bool]:
        """(the peer's address, whether it is trusted)."""
        client = scope.get("client")
        peer = client[0] if client else ""
        known = self._peers.get(peer)
        if known is None:
            address = _canonical(peer) or peer
            known = self._peers.keep(peer, (address, self.is_trusted(address)), len(peer))
        return known

    def _last_untrusted(self, peer: str, forwarded: bytes) -> str:
        """From the right, where the nearest proxy wrote; what is left of something unreadable may be invented."""
        nearest = peer
        for entry in reversed(forwarded.decode("latin-1").split(",")):
            address = _canonical(_without_port(entry.strip().strip('"')))
            if address is None:
                break
            nearest = address
            if not self.is_trusted(address):
                break
        return nearest


def _without_port(entry: str) -> str:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80` as the address alone."""
    if entry.startswith("["):
        address, bracket, port = entry[1:].partition("]")
        return address if bracket and (not port or (port[0] == ":" and _is_port(port[1:]))) else ""
    address, _, port = entry.partition(":")
    return address if "." in address and _is_port(port) else entry


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """The zone of a link-local address is dropped, and IPv4 in IPv6 is IPv4; None for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or IPv6Address(int(parsed))
    return parsed


def _canonical(address: str) -> str | None:
    """One spelling for each address; None for anything else."""
    parsed = _parsed(address)
    return None if parsed is None else str(parsed)
