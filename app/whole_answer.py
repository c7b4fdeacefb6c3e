"""An answer as bytes, written at once: past ASGI's messages, and past the server's checks of each header."""

from collections.abc import Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]

# In the scope of a request: the protocol's function for it, while nothing may change the answer on its way.
_KEY = "modepulse.whole_answer"

WholeAnswer = Callable[[Scope, bytes], bool]
"""Takes the request's scope and the answer's head, with the request's id, and body.

Returns False where only ASGI's messages can do it: a slow client, HEAD, a connection that ends, pipelined requests.
"""


def offer_whole_answer(scope: Any, answer: WholeAnswer) -> None:
    """By the protocol, before the application has the request."""
    scope[_KEY] = answer


def withdraw_whole_answer(scope: Scope) -> None:
    """By whatever stands between and changes, or watches, the messages of the answer."""
    scope.pop(_KEY, None)


def whole_answer(scope: Scope) -> WholeAnswer | None:
    """None where there are ASGI's messages only."""
    return scope.get(_KEY)
