"""GET /metrics: this process's figures, for Prometheus."""

from starlette.requests import Request
from starlette.responses import Response

from app.exposition.text import CONTENT_TYPE, Exposition
from app.headers import API_HEADERS


async def get_metrics(request: Request) -> Response:
    """In Prometheus's text format; docs/metrics.md has them all."""
    exposition: Exposition = request.state.exposition
    return Response(await exposition.text(), headers={**API_HEADERS, "Content-Type": CONTENT_TYPE})
