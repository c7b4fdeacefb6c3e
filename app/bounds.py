"""What a request may ask, and the words of answers: enforced by the handlers, shown by the OpenAPI document."""

from app.contract.outcome import EventKind

# POST /events
ON_INVALID = ("reject", "skip")
MAX_KEY_LENGTH = 255
"""Characters of an `Idempotency-Key`."""

# POST /generate_data
GENERATE_NUMBERS: dict[str, tuple[int | None, int, int]] = {
    "events": (1000, 0, 100_000),
    "users": (200, 1, 1_000_000),
    "areas": (10, 1, 10_000),
    "modes": (5, 1, 1000),
    "seed": (None, -(2**63), 2**63 - 1),
}
"""name -> (default, lowest, highest)"""

# POST /keys
KEY_FIELDS = ("name", "scopes", "rate", "expires")

# GET /stats and GET /stats/stream
MAX_STATS_AREAS = 1000
MAX_STREAM_AREAS = 100
DEFAULT_RANKS = 1000
MAX_RANKS = 1_000_000
"""The largest `limit` of an area's modes."""
ALL_AREAS = "*"
"""The `area_code` that subscribes to the overview."""

# GET /areas, GET /modes and the overview
DEFAULT_ROWS = 1000
MAX_ROWS = 5000
MAX_OFFSET = 10_000_000

# GET /events and GET /users/{user_id}/history
ORDERS = ("desc", "asc")
EXPORT_FORMATS = ("csv", "excel", "ndjson")
MAX_PAGE_ROWS = 1000
DEFAULT_PAGE_ROWS = 100
LATEST_SECONDS = 32_472_144_000
"""The latest time that `from` and `to` may name: the year 2999, in seconds since 1970."""
SESSION_ENDINGS = {EventKind.LOGOUT: "logout", EventKind.EXPIRE: "expired", EventKind.HEAL: "corrected"}
"""The event that ended a session -> its `ended_by`. HEAL: the counts were corrected after a loss of Redis."""

# GET /history and GET /history/top
MIN_STEP_SECONDS = 60
"""Every step is a multiple of it: history is kept by the minute."""
MAX_STEP_SECONDS = 366 * 86_400
MAX_STEPS = 11_000
"""Of one answer: a week by the minute."""
DEFAULT_STEPS = 60
