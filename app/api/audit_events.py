"""GET /events: what happened, page by page or as one file."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.export import FORMATS, Export
from app.api.pages import MAX_LIMIT, Conditions, add_span, page
from app.api.request import choice_of, name_of, only, whole_number
from app.archive.pool import ArchivePool
from app.contract.sql import load_sql

NAMES = ("area_code", "multiplayer_mode", "user_id")
EVENTS = ("LOGIN", "LOGOUT", "HEARTBEAT", "EXPIRE", "HEAL")
OUTCOMES = ("applied", "refreshed", "stale", "late")
# The columns of the query, in its order.
FIELDS = (
    "event_id", "area_code", "multiplayer_mode", "user_id", "events_name", "epoch_timestamp", "recorded_at", "delta",
    "outcome",
)  # fmt: skip

EVENTS_QUERY = load_sql("app.archive", "events")


def events_query(request: Request) -> tuple[str, Conditions]:
    """(the query that a request asks, without its LIMIT; its conditions). Raises InvalidRequest."""
    only(request, *NAMES, "events_name", "outcome", "from", "to", "order", "limit", "cursor", "format")
    order = choice_of(request, "order", ("desc", "asc")) or "desc"
    conditions = Conditions("events", order)
    for name in NAMES:
        conditions.filter(name, name_of(request, name))
    conditions.filter_word("events_name", choice_of(request, "events_name", EVENTS))
    conditions.filter_word("outcome", choice_of(request, "outcome", OUTCOMES))
    add_span(conditions, request, order == "asc")
    return conditions.query(EVENTS_QUERY, order=order), conditions


async def get_events(request: Request) -> Response:
    """`{"items": [...], "next_cursor": ...}`, newest first; format=csv and format=ndjson stream all of it."""
    query, conditions = events_query(request)
    form = choice_of(request, "format", ("json", *FORMATS)) or "json"
    limit = whole_number(request, "limit", 100 if form == "json" else 0, 1, MAX_LIMIT)
    archive: ArchivePool = request.state.archive
    if form != "json":
        query += f"LIMIT {limit}" if limit else ""
        return Export(archive.export(query, *conditions.args), FIELDS, form)
    rows = await archive.fetch(f"{query}LIMIT {limit + 1}", *conditions.args)
    return page([dict(row) for row in rows], limit, conditions.question, "items", "epoch_timestamp")
