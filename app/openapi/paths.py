"""Every path of app/routes.py."""

from typing import Any

from app.access.need import ADMIN, ALWAYS_ADMIN, AUDIT, INGEST, OPEN, PROBE, PUBLIC_READ, READ
from app.openapi import access, events, history, live, login, service, users
from app.openapi.access import needing


def paths() -> dict[str, Any]:
    """path -> method -> operation, in the order in which /docs shows them."""
    return {
        "/events": {"post": needing(INGEST, events.POST_EVENTS), "get": needing(AUDIT, history.GET_EVENTS)},
        "/stats": {"get": needing(PUBLIC_READ, live.GET_STATS)},
        "/stats/stream": {"get": needing(PUBLIC_READ, live.STREAM_STATS)},
        "/areas": {"get": needing(PUBLIC_READ, live.GET_AREAS)},
        "/modes": {"get": needing(PUBLIC_READ, live.GET_MODES)},
        "/history": {"get": needing(READ, history.GET_HISTORY)},
        "/history/top": {"get": needing(READ, history.GET_TOP)},
        "/users/{user_id}/sessions": {"get": needing(AUDIT, users.GET_SESSIONS)},
        "/users/{user_id}/history": {"get": needing(AUDIT, users.GET_USER_HISTORY)},
        "/users/{user_id}": {"delete": needing(ALWAYS_ADMIN, users.DELETE_USER)},
        "/generate_data": {"post": needing(ADMIN, events.GENERATE_DATA)},
        "/keys": {"post": needing(ALWAYS_ADMIN, access.POST_KEY), "get": needing(ALWAYS_ADMIN, access.GET_KEYS)},
        "/keys/{key_id}": {"delete": needing(ALWAYS_ADMIN, access.DELETE_KEY)},
        "/healthz": {"get": needing(PROBE, service.HEALTHZ)},
        "/readyz": {"get": needing(PROBE, service.READYZ)},
        "/metrics": {"get": needing(READ, service.METRICS)},
        "/login": {"get": needing(OPEN, login.GET_LOGIN), "post": needing(OPEN, login.POST_LOGIN)},
        "/logout": {"post": needing(OPEN, login.POST_LOGOUT)},
        "/openapi.json": {"get": needing(OPEN, service.OPENAPI)},
        "/docs": {"get": needing(OPEN, service.DOCS)},
        "/": {"get": needing(OPEN, service.PAGE)},
        "/static/{path}": {"get": needing(OPEN, service.STATIC)},
    }
