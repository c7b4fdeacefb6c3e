"""The form that rankings have in answers: the same in GET /stats, in the overviews and in the frames of a stream."""

from typing import Any

import orjson

from app.contract.memo import Memo
from app.live.counters import Ranking, pairs
from app.live.totals import AreasPage, ModesPage

# Modes are few and recur.
_mode_prefixes: Memo[bytes, bytes] = Memo(10_000, 400)


def ranking_json(ranking: Ranking, limit: int = 0) -> bytes:
    """`[{"multiplayer_mode", "count"}, ...]`, only the first `limit` modes unless it is 0.

    A count is copied as Redis sends it: a whole number looks the same in JSON.
    """
    first = ranking[: 2 * limit] if limit else ranking
    return b"[%b]" % b",".join(
        [(_mode_prefixes.get(mode) or _mode_prefix(mode)) + count + b"}" for mode, count in pairs(first)]
    )


def _mode_prefix(mode: bytes) -> bytes:
    """The JSON before the count."""
    return _mode_prefixes.keep(mode, b'{"multiplayer_mode":%b,"count":' % orjson.dumps(mode.decode()), len(mode))


def areas_json(page: AreasPage) -> dict[str, Any]:
    """`{"areas": [{"area_code", "players", "top_mode", "top_mode_count"}, ...], "players", "total"}`."""
    return page._asdict()


def modes_json(page: ModesPage) -> dict[str, Any]:
    """`{"modes": [{"multiplayer_mode", "count"}, ...], "players", "total"}`."""
    modes = [{"multiplayer_mode": mode, "count": count} for mode, count in page.modes]
    return {"modes": modes, "players": page.players, "total": page.total}
