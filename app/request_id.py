"""The id of a request: the one its `X-Request-Id` names, or one that is made here."""

import re
from collections.abc import Iterable
from itertools import count
from secrets import token_hex
from typing import Any

from starlette.types import Scope

HEADER = b"x-request-id"
# Where it stands in the state of a request's scope, as bytes.
STATE = "request_id"
MAX_LENGTH = 128

# Visible ASCII: it is repeated in a header, in the log and in error documents.
_usable = re.compile(rb"[!-~]{1,%d}" % MAX_LENGTH).fullmatch
# Ids of one process differ by the number, those of several by the random half.
_next_id = map(f"{token_hex(6)}-%x".encode().__mod__, count(1)).__next__


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The one that the headers hold, if it is usable and the only one; else a new one."""
    for name, _ in headers:
        if name == HEADER:
            given = [value for name, value in headers if name == HEADER]
            if len(given) == 1 and _usable(given[0]):
                return given[0]
            break
    return _next_id()


def request_id_of(scope: Scope) -> str:
    """Of a request that came over a connection; empty for any other."""
    state: dict[str, Any] = scope.get("state") or {}
    given: bytes = state.get(STATE, b"")
    return given.decode()
