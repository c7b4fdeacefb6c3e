"""The form that rankings have in answers: the same in GET /stats, in the overviews and in the frames of a stream."""

from collections import Counter
from typing import Any

import orjson

from app.live.counters import Overview, Ranking, pairs

MAX_REMEMBERED_MODES = 10_000

_mode_prefixes: dict[bytes, bytes] = {}


def ranking_json(ranking: Ranking, limit: int = 0) -> bytes:
    """`[{"multiplayer_mode", "count"}, ...]`, only the first `limit` modes unless it is 0.

    A count is copied as Redis sends it: a whole number looks the same in JSON.
    """
    first = ranking[: 2 * limit] if limit else ranking
    return b"[%b]" % b",".join(
        [(_mode_prefixes.get(mode) or _mode_prefix(mode)) + count + b"}" for mode, count in pairs(first)]
    )


def _mode_prefix(mode: bytes) -> bytes:
    """The JSON before the count. Modes are few and recur, so it is kept."""
    if len(_mode_prefixes) >= MAX_REMEMBERED_MODES:
        _mode_prefixes.clear()
    prefix = _mode_prefixes[mode] = b'{"multiplayer_mode":%b,"count":' % orjson.dumps(mode.decode())
    return prefix


def areas_by_players(overview: Overview, limit: int = 0) -> dict[str, Any]:
    """`{"areas": [{"area_code", "players", "top_mode", "top_mode_count"}, ...], "players"}`, most players first.

    Only the first `limit` areas unless it is 0; `players` counts those of all areas.
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


def modes_by_players(overview: Overview) -> dict[str, Any]:
    """`{"modes": [{"multiplayer_mode", "count"}, ...], "players"}`, most players first."""
    players: Counter[str] = Counter()
    for ranking in overview.values():
        players.update(dict(ranking))
    modes = [
        {"multiplayer_mode": mode, "count": count}
        for mode, count in sorted(players.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    return {"modes": modes, "players": players.total()}
