"""The web pages that may use this service from a browser: its own, and those of MODEPULSE_CORS_ORIGINS."""

from enum import Enum

from app.setting_forms import ANY, DEFAULT_PORTS, parse_origins

# `none`: typed in or a bookmark. Browsers send the header by themselves; a page cannot forge it.
OWN_SITES = frozenset((None, b"same-origin", b"none"))


class Source(Enum):
    """Where a request comes from."""

    OWN = "no other page"
    LISTED = "a page of another origin, which is permitted"
    FOREIGN = "a page of another origin, or one that does not say which it is"


class Origins:
    """The permitted ones. `*` permits every page, but no cookies with it."""

    def __init__(self, listed: str) -> None:
        origins = parse_origins(listed)
        self.any = origins == (ANY,)
        self.exact = frozenset(origin.encode() for origin in origins) if not self.any else frozenset()

    def source(self, origin: bytes | None, site: bytes | None, host: bytes | None) -> Source:
        """By the headers Origin, Sec-Fetch-Site and Host; each b"" when it was given twice."""
        if site in OWN_SITES and (origin is None or _is_own(origin, host)):
            return Source.OWN
        return Source.LISTED if self.any or origin in self.exact else Source.FOREIGN


def _is_own(origin: bytes, host: bytes | None) -> bool:
    """Whether the page was loaded from this host. Not by its scheme: a proxy may have ended TLS."""
    scheme, _, name = origin.partition(b"://")
    if not host or scheme not in DEFAULT_PORTS:
        return False
    host = host.lower()
    return name in (host, host.removesuffix(DEFAULT_PORTS[scheme]))
