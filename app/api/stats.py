"""GET /stats, /areas, /modes: the most played modes, of some areas and of all together."""

import asyncio
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.request import area_codes, invalid_query, reject_unknown, whole_number
from app.api.response import json_response, send_json
from app.bounds import ALL_AREAS, DEFAULT_RANKS, DEFAULT_ROWS, MAX_OFFSET, MAX_RANKS, MAX_ROWS, MAX_STATS_AREAS
from app.contract.memo import Memo
from app.errors import Problem
from app.live.counters import LiveCounters
from app.live.rankings import areas_json, modes_json, ranking_json
from app.live.totals import LiveTotals

# Parsed query strings that are kept, and how long (in bytes) each may be.
MAX_REMEMBERED = 10_000
MAX_REMEMBERED_QUERY = 300


class GetStats:
    """`{"111": [{"multiplayer_mode": "duel", "count": 3}, ...]}`, most played first, in the order asked for.

    A plain ASGI app that keeps what it has parsed: the same few query strings are asked for all the time.
    """

    def __init__(self) -> None:
        self._parsed: Memo[bytes, tuple[list[tuple[bytes, str]], int]] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_QUERY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            areas, limit = self._parsed.get(scope["query_string"]) or self._parse(scope)
            counters: LiveCounters = scope["state"]["counters"]
            if len(areas) == 1:
                name, area = areas[0]
                body = b"{%b:%b}" % (name, ranking_json(await counters.ranking(area, limit)))
            else:
                rankings = await asyncio.gather(*(counters.ranking(area, limit) for _, area in areas))
                parts = [b"%b:%b" % (name, ranking_json(r)) for (name, _), r in zip(areas, rankings, strict=True)]
                body = b"{%b}" % b",".join(parts)
        except Problem as problem:
            scope["status"] = problem.status
            await problem.response(scope)(scope, receive, send)
        else:
            await send_json(scope, send, body)

    def _parse(self, scope: Scope) -> tuple[list[tuple[bytes, str]], int]:
        """(the areas, each as JSON and as text; limit). Raises InvalidRequest."""
        request = Request(scope)
        areas = area_codes(request, MAX_STATS_AREAS)
        if ALL_AREAS in areas:
            message = f"area_code={ALL_AREAS} is for GET /stats/stream; GET /areas lists the areas"
            raise invalid_query("area_code", "several", message)
        limit = whole_number(request, "limit", DEFAULT_RANKS, 1, MAX_RANKS)
        query = scope["query_string"]
        return self._parsed.keep(query, ([(orjson.dumps(area), area) for area in areas], limit), len(query))


async def get_areas(request: Request) -> Response:
    """Areas with players, most players first, each with its most played mode."""
    offset, limit = _rows(request)
    totals: LiveTotals = request.state.totals
    page = await totals.areas(offset, limit)
    return _response(areas_json(page), offset + limit, page.total)


async def get_modes(request: Request) -> Response:
    """Modes with players, most players first."""
    offset, limit = _rows(request)
    totals: LiveTotals = request.state.totals
    page = await totals.modes(offset, limit)
    return _response(modes_json(page), offset + limit, page.total)


def _rows(request: Request) -> tuple[int, int]:
    """The parameters offset and limit. Raises InvalidRequest."""
    reject_unknown(request, "limit", "offset")
    limit = whole_number(request, "limit", DEFAULT_ROWS, 1, MAX_ROWS)
    return whole_number(request, "offset", 0, 0, MAX_OFFSET), limit


def _response(page: dict[str, Any], end: int, total: int) -> Response:
    """The page, and the offset of the next one."""
    return json_response(page | {"next_offset": end if end < total else None})
