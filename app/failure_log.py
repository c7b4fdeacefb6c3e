"""The log of answers that are errors: a line for each 5xx, and for 4xx, of which clients can cause any number, a few
a second.

Fields: status, code, route (a template, never the path), key and key_name, address, request_id.
"""

import logging
import time
from typing import Any

from starlette.types import Scope

from app.request_id import request_id_of

log = logging.getLogger(__name__)

# Where the guard puts the route of a request, in the state of its scope.
ROUTE = "route"
# Of all 4xx together, in one process.
LINES_PER_SECOND = 5


class _Sample:
    """Lets LINES_PER_SECOND pass in each second, and counts the others."""

    def __init__(self) -> None:
        self._second = 0
        self._passed = 0
        self.left_out = 0

    def passes(self, now: float) -> bool:
        """`now`: of time.monotonic()."""
        if int(now) != self._second:
            self._second, self._passed = int(now), 0
        self._passed += 1
        if self._passed > LINES_PER_SECOND:
            self.left_out += 1
            return False
        return True


_refusals = _Sample()


def note_failure(scope: Scope, status: int, code: str) -> None:
    """Logs that the request of this scope is answered with an error. A 500 is an error of ours, 503 is a warning."""
    line: dict[str, Any] = {"action": "answer", "status": status, "code": code}
    if status < 500:
        if not _refusals.passes(time.monotonic()):
            return
        line["left_out"], _refusals.left_out = _refusals.left_out, 0
    state: dict[str, Any] = scope.get("state") or {}
    principal = state.get("principal")
    client = scope.get("client")
    line |= {
        "route": state.get(ROUTE),
        "key": getattr(principal, "id", ""),
        "key_name": getattr(principal, "name", ""),
        "address": client[0] if client else "",
        "request_id": request_id_of(scope),
    }
    if status < 500:
        log.info("Request refused", extra=line)
    else:
        log.log(logging.WARNING if status == 503 else logging.ERROR, "Request failed", extra=line)
