"""GET /users/{user_id}/sessions: what a user is active in."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.contract.event import NAME_RULE, is_name
from app.contract.problem import problem_at
from app.errors import InvalidRequest
from app.store import Store


async def get_sessions(request: Request) -> Response:
    """The user's active sessions, the one with the latest event first; none for an unknown user."""
    user_id: str = request.path_params["user_id"]
    if not is_name(user_id):
        raise InvalidRequest(
            422,
            "invalid_path",
            "The path is not valid",
            [problem_at(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}")],
        )
    store: Store = request.state.store
    sessions = [
        {"area_code": area, "multiplayer_mode": mode, "last_event": at}
        for area, mode, at in await store.sessions(user_id)
    ]
    return Response(orjson.dumps({"user_id": user_id, "sessions": sessions}), media_type="application/json")
