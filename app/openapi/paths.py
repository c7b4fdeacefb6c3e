"""Every path of app/routes.py."""

from typing import Any

from app.openapi import events, history, live, login, service, users


def paths() -> dict[str, Any]:
    """path -> method -> operation, in the order in which /docs shows them."""
    return {
        "/events": {"post": events.POST_EVENTS, "get": history.GET_EVENTS},
        "/stats": {"get": live.GET_STATS},
        "/stats/stream": {"get": live.STREAM_STATS},
        "/areas": {"get": live.GET_AREAS},
        "/modes": {"get": live.GET_MODES},
        "/history": {"get": history.GET_HISTORY},
        "/history/top": {"get": history.GET_TOP},
        "/users/{user_id}/sessions": {"get": users.GET_SESSIONS},
        "/users/{user_id}/history": {"get": users.GET_USER_HISTORY},
        "/users/{user_id}": {"delete": users.DELETE_USER},
        "/generate_data": {"post": events.GENERATE_DATA},
        "/healthz": {"get": service.HEALTHZ},
        "/readyz": {"get": service.READYZ},
        "/login": {"get": login.GET_LOGIN, "post": login.POST_LOGIN},
        "/logout": {"post": login.POST_LOGOUT},
        "/openapi.json": {"get": service.OPENAPI},
        "/docs": {"get": service.DOCS},
        "/": {"get": service.PAGE},
        "/static/{path}": {"get": service.STATIC},
    }
