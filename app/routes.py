"""The URL table. Each path works with and without its trailing slash, without redirect."""

from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute, Route

from app.api import assets, audit_events, health, history, stats, users
from app.api.events import PostEvents
from app.api.generate import generate_data
from app.api.recorded import recording
from app.api.stream import StreamStats
from app.openapi import document
from app.settings import Settings


def routes(settings: Settings) -> list[BaseRoute]:
    """The busiest first: the router tries them in order."""
    table: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "/events", PostEvents(settings)),
        ("GET", "/stats", stats.GetStats()),
        ("GET", "/stats/stream", StreamStats()),
        ("POST", "/generate_data", generate_data),
        ("GET", "/areas", stats.get_areas),
        ("GET", "/modes", stats.get_modes),
        ("GET", "/events", audit_events.get_events),
        ("GET", "/history", history.get_history),
        ("GET", "/history/top", history.get_top),
        ("GET", "/users/{user_id:path}/sessions", users.get_sessions),
        ("GET", "/users/{user_id:path}/history", users.get_history),
        ("DELETE", "/users/{user_id:path}", users.delete_user),
        ("GET", "/openapi.json", assets.Asset(document(), "application/json").response),
        ("GET", "/docs", assets.get_docs),
        ("GET", "/static/{path:path}", assets.get_static),
        ("GET", "/healthz", health.healthz),
        ("GET", "/readyz", health.readyz),
    ]
    return [
        Route("/", assets.get_page, methods=["GET"]),
        *(
            Route(path + slash, endpoint, methods=[method], middleware=recording(method, path))
            for method, path, endpoint in table
            for slash in ("", "/")
        ),
    ]
