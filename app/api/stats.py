"""GET /stats, /areas, /modes: which mode is played most, in some areas and over all of them."""

import asyncio
from collections import Counter
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.request import area_codes, whole_number
from app.api.response import NO_STORE, send_json
from app.errors import Problem
from app.live.counters import LiveCounters, Overview, Ranking, pairs

MAX_AREAS = 1000
# The largest `limit` of a ranking.
MAX_RANKS = 1_000_000
MAX_REMEMBERED = 10_000
MAX_REMEMBERED_QUERY = 300


class GetStats:
    """`{"111": [{"multiplayer_mode": "duel", "count": 3}, ...]}`, most played first, in the order asked for.

    A plain ASGI app that keeps what it has parsed: the same few query strings are asked for all the time.
    """

    def __init__(self) -> None:
        self._parsed: dict[bytes, tuple[list[tuple[bytes, str]], int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            areas, limit = self._parsed.get(scope["query_string"]) or self._parse(scope)
            counters: LiveCounters = scope["state"]["counters"]
            if len(areas) == 1:
                name, area = areas[0]
                body = b"{%b:%b}" % (name, stats_of(await counters.ranking(area, limit)))
            else:
                rankings = await asyncio.gather(*(counters.ranking(area, limit) for _, area in areas))
                parts = [b"%b:%b" % (name, stats_of(r)) for (name, _), r in zip(areas, rankings, strict=True)]
                body = b"{%b}" % b",".join(parts)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        else:
            await send_json(send, body, NO_STORE)

    def _parse(self, scope: Scope) -> tuple[list[tuple[bytes, str]], int]:
        """(the areas, each as JSON and as text; limit). Raises InvalidRequest."""
        request = Request(scope)
        areas = area_codes(request, MAX_AREAS)
        limit = whole_number(request, "limit", 0, 1, MAX_RANKS)
        parsed = [(orjson.dumps(area), area) for area in areas], limit
        query = scope["query_string"]
        if len(query) <= MAX_REMEMBERED_QUERY:
            if len(self._parsed) >= MAX_REMEMBERED:
                self._parsed.clear()
            self._parsed[query] = parsed
        return parsed


def stats_of(ranking: Ranking, limit: int = 0) -> bytes:
    """The JSON list of one area, of its first `limit` modes if that is not 0. Counts are whole numbers, as in JSON."""
    some = ranking[: 2 * limit] if limit else ranking
    return b"[%b]" % b",".join(
        [(_mode_prefixes.get(mode) or _mode_prefix(mode)) + count + b"}" for mode, count in pairs(some)]
    )


_mode_prefixes: dict[bytes, bytes] = {}


def _mode_prefix(mode: bytes) -> bytes:
    """What comes before the count; modes are few and come again."""
    if len(_mode_prefixes) >= MAX_REMEMBERED:
        _mode_prefixes.clear()
    head = _mode_prefixes[mode] = b'{"multiplayer_mode":%b,"count":' % orjson.dumps(mode.decode())
    return head


async def get_areas(request: Request) -> Response:
    """Areas with players, most players first, each with its most played mode."""
    counters: LiveCounters = request.state.counters
    return Response(orjson.dumps(overview_of(await counters.overview())), media_type="application/json")


def overview_of(overview: Overview, limit: int = 0) -> dict[str, Any]:
    """`{"areas": [{"area_code", "players", "top_mode", "top_mode_count"}, ...], "players"}`, most players first.

    With `limit` only so many areas; the players are those of all.
    """
    areas: list[dict[str, Any]] = [
        {
            "area_code": area,
            "players": sum(count for _, count in ranking),
            "top_mode": ranking[0][0],
            "top_mode_count": ranking[0][1],
        }
        for area, ranking in overview.items()
    ]
    areas.sort(key=lambda area: (-area["players"], area["area_code"]))
    players = sum(area["players"] for area in areas)
    return {"areas": areas[:limit] if limit else areas, "players": players}


async def get_modes(request: Request) -> Response:
    """Modes with players, most players first."""
    counters: LiveCounters = request.state.counters
    players: Counter[str] = Counter()
    for ranking in (await counters.overview()).values():
        players.update(dict(ranking))
    modes = [
        {"multiplayer_mode": mode, "count": count}
        for mode, count in sorted(players.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    return Response(orjson.dumps({"modes": modes, "players": players.total()}), media_type="application/json")
