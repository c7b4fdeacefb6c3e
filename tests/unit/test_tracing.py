"""Traces: off without OpenTelemetry's variables, and free of names of users."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from app.contract import tracing
from app.failure_log import ROUTE
from app.settings import traces_exporters
from app.traced_requests import TracedRequests

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("variables", "exporters"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, ("otlp_proto_http",)),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("otlp_proto_grpc",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp_proto_http")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ()),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "True"}, ()),
        ({"OTEL_TRACES_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ()),
    ],
)
def test_variables_that_turn_them_on(variables: dict[str, str], exporters: tuple[str, ...]) -> None:
    assert traces_exporters(variables) == exporters


def test_off_nothing_is_imported() -> None:
    """By this service: redis-py looks for OpenTelemetry's metrics by itself."""
    code = (
        "import sys, app.server, archiver.__main__; from app.contract import tracing;"
        "assert tracing.start((), 'x') is None; tracing.stop();"
        "ours = ('opentelemetry.sdk.trace', 'opentelemetry.exporter');"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_exporter_that_is_not_installed_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert tracing.start(("no_such_exporter",), "x") is None
    assert "not installed" in caplog.text
    with tracing.span("nothing", partition=1):
        pass


@pytest.fixture
def spans() -> Any:
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporter = memory.InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.tracer = provider.get_tracer("test")
    return exporter


async def request(spans: Any, application: Any, *headers: tuple[bytes, bytes], method: str = "GET") -> Any:
    """The span of a request to `/users/ann/sessions?x=ann`."""

    async def send(_: Any) -> None:
        pass

    scope = {
        "type": "http", "method": method, "scheme": "http", "path": "/users/ann/sessions", "query_string": b"x=ann",
        "headers": list(headers), "state": {"request_id": b"r-1"},
    }  # fmt: skip
    await TracedRequests(application, spans.tracer)(scope, None, send)  # type: ignore[arg-type]
    (span,) = spans.get_finished_spans()
    return span


def answering(status: int) -> Any:
    async def application(scope: Any, _: Any, send: Any) -> None:
        scope["state"][ROUTE] = "GET /users/{user_id}/sessions"
        await send({"type": "http.response.start", "status": status})

    return application


async def test_span_goes_on_with_the_trace_and_is_named_by_the_route(spans: Any) -> None:
    span = await request(spans, answering(200), (b"traceparent", PARENT.encode()))
    assert f"{span.context.trace_id:032x}" in PARENT
    assert f"{span.parent.span_id:016x}" in PARENT
    assert span.name == "GET /users/{user_id}/sessions"
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.route": "/users/{user_id}/sessions",
        "modepulse.request_id": "r-1",
    }
    assert "ann" not in span.to_json()


@pytest.mark.parametrize(("status", "error"), [(404, "UNSET"), (500, "ERROR"), (503, "ERROR")])
async def test_only_5xx_are_errors(spans: Any, status: int, error: str) -> None:
    span = await request(spans, answering(status))
    assert json.loads(span.to_json())["status"]["status_code"] == error


async def test_text_of_an_error_is_left_out(spans: Any) -> None:
    async def application(*_: Any) -> None:
        raise ValueError("about ann")

    with pytest.raises(ValueError, match="ann"):
        await request(spans, application)
    (span,) = spans.get_finished_spans()
    assert "ann" not in span.to_json()


async def test_method_that_is_none_is_not_taken_for_a_name(spans: Any) -> None:
    span = await request(spans, answering(405), method="ANN")
    assert span.attributes["http.request.method"] == "_OTHER"
