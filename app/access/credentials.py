"""Where a request has its key: in a header, never in its address."""

import re
from collections.abc import Iterable

from app.contract.api_key import holds_key

Header = tuple[bytes, bytes]

HEADERS = frozenset((b"authorization", b"x-api-key"))
_bearer = re.compile(rb"bearer +(.*)", re.IGNORECASE | re.DOTALL)
# Names under which keys are sent elsewhere; no parameter here has one of them.
_key_parameter = re.compile(
    rb"(?:^|&)((?:x[-_])?(?:api[-_]?key|(?:access|admin|auth|api)?[-_]?token|key|auth(?:orization)?|bearer))=",
    re.IGNORECASE,
)
# At either end of a query string: all of 64 kB would take 20 ms.
LOOKED_AT_BYTES = 4096


def key_in(headers: Iterable[Header]) -> tuple[Header, bytes] | None:
    """(the header, the key in it) of the first header that holds one."""
    for header in headers:
        name, value = header
        if name == b"x-api-key":
            return header, value
        if name == b"authorization" and (found := _bearer.fullmatch(value)):
            return header, found[1]
    return None


def key_parameter(query: bytes) -> str | None:
    """The name of the parameter by which a query string gives a key away, empty if it has no such name.

    None: it holds none. This is for mistakes, so of a long one only the ends are looked at, and nothing is decoded.
    """
    if len(query) > 2 * LOOKED_AT_BYTES:
        query = b"%b&%b" % (query[:LOOKED_AT_BYTES], query[-LOOKED_AT_BYTES:])
    if found := _key_parameter.search(query):
        return found[1].decode()
    return "" if holds_key(query) else None
