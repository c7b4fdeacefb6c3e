"""What nobody foresaw: the answer and the traceback both show which request it was."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from app.access.guard import Guard
from app.access.need import OPEN
from app.hot_path import HotPathDispatch
from app.request_metrics import RequestMetrics


class Broken:
    """An endpoint that is a plain ASGI app."""

    async def __call__(self, *_: Any) -> None:
        raise ValueError("broken")


class Anybody:
    """Lets everybody in."""

    def admit(self, *_: Any) -> None:
        pass


async def get_broken(_: Any) -> None:
    raise ValueError("broken")


@pytest.mark.parametrize("endpoint", [Broken(), get_broken], ids=["direct", "by Starlette"])
async def test_traceback_names_the_request(endpoint: Any) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": [],
        "state": {"request_id": b"r-7", "admission": Anybody()},
    }  # fmt: skip
    routes = [Route("/x", Guard(endpoint, OPEN, "GET", "/x"), methods=["GET"])]
    app = HotPathDispatch(Starlette(routes=routes), RequestMetrics())
    with pytest.raises(ValueError, match="broken") as raised:
        await app(scope, None, send)  # type: ignore[arg-type]
    assert raised.value.__notes__ == ["request_id: r-7"]
    assert sent[0]["status"] == 500
