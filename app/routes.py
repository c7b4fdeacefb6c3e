"""The URL table, with what each route needs. Each path works with and without its trailing slash, without redirect."""

from collections.abc import Callable
from typing import Any

from starlette.convertors import register_url_convertor
from starlette.routing import BaseRoute, Route

from app.access.guard import Guard
from app.access.need import ADMIN, ALWAYS_ADMIN, AUDIT, INGEST, OPEN, PROBE, PUBLIC_READ, READ, Need
from app.api import assets, audit_events, health, history, keys, login, stats, users
from app.api.events import PostEvents
from app.api.generate import generate_data
from app.api.recorded import recording, template
from app.api.stream import StreamStats
from app.openapi import document
from app.settings import Settings
from app.url import NameConvertor

register_url_convertor("name", NameConvertor())


def routes(settings: Settings) -> list[BaseRoute]:
    """The busiest first: the router tries them in order."""
    table: list[tuple[str, str, Need, Callable[..., Any]]] = [
        ("POST", "/events", INGEST, PostEvents(settings)),
        ("GET", "/stats", PUBLIC_READ, stats.GetStats()),
        ("GET", "/stats/stream", PUBLIC_READ, StreamStats(settings)),
        ("POST", "/generate_data", ADMIN, generate_data),
        ("GET", "/areas", PUBLIC_READ, stats.get_areas),
        ("GET", "/modes", PUBLIC_READ, stats.get_modes),
        ("GET", "/events", AUDIT, audit_events.get_events),
        ("GET", "/history", READ, history.get_history),
        ("GET", "/history/top", READ, history.get_top),
        ("GET", "/users/{user_id:name}/sessions", AUDIT, users.get_sessions),
        ("GET", "/users/{user_id:name}/history", AUDIT, users.get_history),
        ("DELETE", "/users/{user_id:name}", ALWAYS_ADMIN, users.delete_user),
        ("POST", "/keys", ALWAYS_ADMIN, keys.post_key),
        ("GET", "/keys", ALWAYS_ADMIN, keys.get_keys),
        ("DELETE", "/keys/{key_id}", ALWAYS_ADMIN, keys.delete_key),
        ("GET", "/login", OPEN, login.get_login),
        ("POST", "/login", OPEN, login.post_login),
        ("POST", "/logout", OPEN, login.post_logout),
        ("GET", "/openapi.json", OPEN, assets.Asset(document(settings.root_path), "application/json").response),
        ("GET", "/docs", OPEN, assets.get_docs),
        ("GET", "/static/{path:path}", OPEN, assets.get_static),
        ("GET", "/healthz", PROBE, health.healthz),
        ("GET", "/readyz", PROBE, health.readyz),
    ]
    return [
        Route("/", Guard(assets.get_page, OPEN, "GET /"), methods=["GET"]),
        *(
            Route(
                path + slash,
                Guard(endpoint, need, f"{method} {template(path)}"),
                methods=[method],
                middleware=recording(method, path),
            )
            for method, path, need, endpoint in table
            for slash in ("", "/")
        ),
    ]
