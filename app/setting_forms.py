"""The forms of settings that are text: what cannot be used is refused when a process starts, with what it must be."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

ANY = "*"
# The word for the clients of a Unix socket, which have no address.
UNIX = "unix"
DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}
LABELS = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_host = re.compile(rf"(?:(?:\*\.)?{LABELS}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?", re.ASCII).fullmatch
_origin = re.compile(rf"[a-z][a-z0-9+.-]*://(?:{LABELS}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?", re.ASCII).fullmatch

Network = IPv4Network | IPv6Network


def parse_list(text: str) -> list[str]:
    """The entries of a comma-separated list, without the spaces around them."""
    return [name for part in text.split(",") if (name := part.strip())]


def parse_origins(text: str) -> tuple[str, ...]:
    """The origins of a comma-separated list, in lower case. Raises ValueError with what one has to look like."""
    origins = tuple(origin.lower() for origin in parse_list(text))
    if origins == (ANY,):
        return origins
    if not all(map(_origin, origins)):
        raise ValueError("a list of origins like https://game.example.com, without a path, or * alone")
    return tuple(map(_without_default_port, origins))


def _without_default_port(origin: str) -> str:
    """As browsers write it."""
    scheme, _, name = origin.partition("://")
    port = DEFAULT_PORTS.get(scheme.encode(), b"")
    return f"{scheme}://{name.removesuffix(port.decode())}"


def parse_hosts(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list, in lower case. Raises ValueError with what a name has to look like."""
    names = tuple(name.lower() for name in parse_list(text))
    if not all(name == "*" or _host(name) for name in names):
        raise ValueError("a list of host names like stats.example.com, *.example.com or [::1], or *")
    return names


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma-separated list of addresses, networks and `unix`. Raises ValueError."""
    try:
        return tuple(ip_network(name) for name in parse_list(text) if name != UNIX)
    except ValueError:
        raise ValueError("a list of addresses and networks like 10.0.0.7, 10.1.0.0/16 or fd00::/8") from None


def check_path_prefix(text: str) -> None:
    """Raises ValueError."""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text, re.ASCII) or {".", ".."} & set(text.split("/")):
        raise ValueError("a path like /modepulse, without a slash at its end")


def check_host(text: str) -> None:
    """Raises ValueError."""
    try:
        ip_address(text)
    except ValueError:
        if not re.fullmatch(LABELS, text, re.ASCII | re.IGNORECASE) or max(map(len, text.split("."))) > 63:
            raise ValueError("an address of this machine like 127.0.0.1, 0.0.0.0 or ::1") from None


def check_log_level(text: str) -> None:
    """Raises ValueError."""
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("debug, info, warning or error")


def check_names(text: str) -> None:
    """Raises ValueError."""
    names = parse_list(text)
    if not names or any("|" in name for name in names):
        raise ValueError("a list of at least one name, none with | in it")
