"""Traces by OpenTelemetry, for both processes: off until `start` was called, and then nothing of it is imported.

Spans hold templates and numbers, never a name that a client sent.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from typing import Any

from app.contract.versions import own_version

log = logging.getLogger(__name__)

# How long the last spans may take to be sent when the process stops.
STOP_SECONDS = 5

# An error's text may hold what a client sent.
WITHOUT_TEXTS = {"record_exception": False, "set_status_on_exception": False}

_provider: Any = None
_tracer: Any = None
_off: AbstractContextManager[Any] = nullcontext()


def start(exporters: Sequence[str], service: str) -> Any:
    """The tracer; None without exporters, or where one cannot be loaded. `exporters`: names of entry points.

    `service`: the name that OTEL_SERVICE_NAME replaces. Sampling, batches and addresses are those of OTEL_ variables.
    """
    global _provider, _tracer
    if not exporters:
        return None
    found = {name: entry_points(group="opentelemetry_traces_exporter", name=name) for name in exporters}
    missing = [name for name, points in found.items() if not points]
    if missing:
        log.error(
            "No traces: an exporter is not installed; `pip install modepulse[otel]` has console and OTLP over HTTP",
            extra={"action": "traces", "missing": missing},
        )
        return None
    try:
        _provider = _make_provider([next(iter(points)).load()() for points in found.values()], service)
    except Exception:
        # A value of an OTEL_ variable, or half an installation: no reason not to serve.
        log.exception("No traces: OpenTelemetry refuses its settings", extra={"action": "traces"})
        return None
    _tracer = _provider.get_tracer("modepulse", own_version())
    log.info("Traces are sent", extra={"action": "traces", "exporters": list(exporters)})
    return _tracer


def _make_provider(exporters: Sequence[Any], service: str) -> Any:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({"service.name": service, "service.version": own_version()})
    provider = TracerProvider(resource=Resource.create().merge(named).merge(OTELResourceDetector().detect()))
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def stop() -> None:
    """Sends what is left, as far as that goes in STOP_SECONDS."""
    global _provider, _tracer
    if _provider is not None:
        # A collector that does not answer is waited for in another thread.
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(STOP_SECONDS)
    _provider = _tracer = None


def span(name: str, **attributes: str | int) -> AbstractContextManager[Any]:
    """A step of what is under way, while it is entered as a context."""
    if _tracer is None:
        return _off
    entered: AbstractContextManager[Any] = _tracer.start_as_current_span(name, attributes=attributes, **WITHOUT_TEXTS)
    return entered
