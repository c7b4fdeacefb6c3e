"""A span for each request. The layer is there only while traces are on."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.contract.tracing import WITHOUT_TEXTS
from app.failure_log import ROUTE
from app.request_id import request_id_of

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"))


class TracedRequests:
    """Goes on with the trace that the request names in `traceparent`. Paths and queries hold users' names, so that a
    span has the route instead."""

    def __init__(self, app: ASGIApp, tracer: Any) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, StatusCode

        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            method if method in METHODS else "HTTP",
            context=extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
            **WITHOUT_TEXTS,
        ) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, noting)
            finally:
                span.set_attribute("modepulse.request_id", request_id_of(scope))
                route = scope["state"].get(ROUTE)
                if route is not None:
                    span.update_name(route)
                    span.set_attribute("http.route", route.partition(" ")[2])
