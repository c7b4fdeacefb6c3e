"""The refusals of requests that are not let in."""

from app.access.rate_limit import RateLimit
from app.contract.api_key import Scope
from app.contract.problem import problem_at
from app.errors import InvalidRequest, Problem, Unavailable

_CHALLENGE = 'Bearer realm="modepulse"'


def key_required() -> Problem:
    """401: no key was sent."""
    return Problem(
        401,
        "key_required",
        "This needs a key: Authorization: Bearer <key>, or X-API-Key: <key>",
        headers={"WWW-Authenticate": _CHALLENGE},
    )


def invalid_key() -> Problem:
    """401: nobody has this key."""
    return Problem(401, "invalid_key", "The key is not valid", headers=_invalid_token())


def revoked_key() -> Problem:
    """401: the key was revoked."""
    return Problem(401, "revoked_key", "The key was revoked", headers=_invalid_token())


def expired_key() -> Problem:
    """401: the key's time is over."""
    return Problem(401, "expired_key", "The key has expired", headers=_invalid_token())


def _invalid_token() -> dict[str, str]:
    return {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}


def insufficient_scope(scope: Scope) -> Problem:
    """403: the key is for something else."""
    return Problem(
        403,
        "insufficient_scope",
        f"This needs a key with the scope {scope}",
        headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def admin_disabled() -> Problem:
    """403: there are no keys, and no admin token."""
    return Problem(
        403, "admin_disabled", "There are no keys and MODEPULSE_ADMIN_TOKEN is not set, so nobody may do this"
    )


def keys_unknown() -> Unavailable:
    """503: the keys have not been read."""
    return Unavailable("keys_unknown", "The keys are not known yet: Redis does not answer, or is being rebuilt")


def key_in_query(name: str) -> InvalidRequest:
    """422: whatever is in an address is kept in logs and histories."""
    return InvalidRequest(
        422,
        "key_in_query",
        "A key is sent in a header, never in the address: revoke it if it was a real one",
        [problem_at(["query", name] if name else ["query"], "key_in_query", "send Authorization: Bearer or X-API-Key")],
    )


def too_many_requests(limit: RateLimit, wait: float, now: float) -> Problem:
    """429: requests a second."""
    return Problem(429, "too_many_requests", "Too many requests", headers=limit.headers("requests", wait, now))


def event_rate_exceeded(limit: RateLimit, wait: float, now: float) -> Problem:
    """429: events a second."""
    return Problem(
        429, "event_rate_exceeded", "Too many events; nothing was applied", headers=limit.headers("events", wait, now)
    )


def too_many_wrong_keys(limit: RateLimit, wait: float, now: float) -> Problem:
    """429: wrong keys a minute."""
    return Problem(
        429,
        "too_many_wrong_keys",
        "Too many wrong keys from this address",
        headers=limit.headers("wrong_keys", wait, now),
    )
