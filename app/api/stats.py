"""GET /stats, /areas, /modes: which mode is played most, in some areas and over all of them."""

from collections import Counter
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.api.request import area_codes, whole_number
from app.store import Store


async def get_stats(request: Request) -> Response:
    """`{"111": [{"multiplayer_mode": "duel", "count": 3}, ...]}`, most played first, in the order asked for."""
    areas = area_codes(request)
    limit = whole_number(request, "limit", 0, 1, 1_000_000)
    store: Store = request.state.store
    rankings = await store.rankings(areas, limit)
    answer = {area: [{"multiplayer_mode": mode, "count": count} for mode, count in rankings[area]] for area in areas}
    return Response(orjson.dumps(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


async def get_areas(request: Request) -> Response:
    """Areas with players, most players first, each with its most played mode."""
    store: Store = request.state.store
    areas: list[dict[str, Any]] = [
        {
            "area_code": area,
            "players": sum(count for _, count in ranking),
            "top_mode": ranking[0][0],
            "top_mode_count": ranking[0][1],
        }
        for area, ranking in (await store.overview()).items()
    ]
    areas.sort(key=lambda area: (-area["players"], area["area_code"]))
    players = sum(area["players"] for area in areas)
    return Response(orjson.dumps({"areas": areas, "players": players}), media_type="application/json")


async def get_modes(request: Request) -> Response:
    """Modes with players, most players first."""
    store: Store = request.state.store
    players: Counter[str] = Counter()
    for ranking in (await store.overview()).values():
        players.update(dict(ranking))
    modes = [
        {"multiplayer_mode": mode, "count": count}
        for mode, count in sorted(players.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    return Response(orjson.dumps({"modes": modes, "players": players.total()}), media_type="application/json")
