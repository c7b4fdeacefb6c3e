"""GET /events: what happened, page by page or as one file."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.export import Export
from app.api.pages import add_time_range_and_cursor, page_response
from app.api.recorded import access_of
from app.api.request import choice_of, name_of, reject_unknown, whole_number
from app.archive.event_filter import EventFilter
from app.archive.pool import ArchivePool
from app.bounds import DEFAULT_PAGE_ROWS, EXPORT_FORMATS, MAX_PAGE_ROWS, ORDERS
from app.contract.outcome import LOGGED_OUTCOMES, EventKind
from app.contract.sql import load_sql

NAMES = ("area_code", "multiplayer_mode", "user_id")
# The columns of the query, in its order.
FIELDS = (
    "event_id", "area_code", "multiplayer_mode", "user_id", "events_name", "epoch_timestamp", "recorded_at", "delta",
    "outcome",
)  # fmt: skip

EVENTS_QUERY = load_sql("app.archive", "events")


def events_query(request: Request) -> tuple[str, EventFilter]:
    """(the query for a request, without its LIMIT; its filter, which has the arguments). Raises InvalidRequest."""
    reject_unknown(request, *NAMES, "events_name", "outcome", "from", "to", "order", "limit", "cursor", "format")
    order = choice_of(request, "order", ORDERS) or "desc"
    events = EventFilter("events", order)
    for name in NAMES:
        events.equal(name, name_of(request, name))
    events.equal_word("events_name", choice_of(request, "events_name", EventKind))
    events.equal_word("outcome", choice_of(request, "outcome", LOGGED_OUTCOMES))
    add_time_range_and_cursor(events, request, order == "asc")
    return events.query(EVENTS_QUERY, order=order), events


async def get_events(request: Request) -> Response:
    """`{"items": [...], "next_cursor": ...}`, newest first; the EXPORT_FORMATS stream all of them."""
    query, events = events_query(request)
    access = access_of(request)
    access.user_id = name_of(request, "user_id")
    file_format = choice_of(request, "format", ("json", *EXPORT_FORMATS)) or "json"
    limit = whole_number(request, "limit", DEFAULT_PAGE_ROWS if file_format == "json" else 0, 1, MAX_PAGE_ROWS)
    archive: ArchivePool = request.state.archive
    if file_format != "json":
        query += f"LIMIT {limit}" if limit else ""
        return Export(archive.export(query, *events.args), FIELDS, file_format, access)
    rows = await archive.fetch(f"{query}LIMIT {limit + 1}", *events.args)
    access.rows = min(len(rows), limit)
    return page_response(request, [dict(row) for row in rows], limit, events.question, "items", "epoch_timestamp")
