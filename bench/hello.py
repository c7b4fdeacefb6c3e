"""`python -m bench.hello PORT`: the least that Starlette and uvicorn do for a request, with the service's settings."""

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.server import bind, run
from app.settings import Settings


async def hello(_: Request) -> PlainTextResponse:
    """GET /"""
    return PlainTextResponse("hello world")


if __name__ == "__main__":
    run(Starlette(routes=[Route("/", hello)]), bind("127.0.0.1", int(sys.argv[1])), Settings())
