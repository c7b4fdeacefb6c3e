"""GET /history and /history/top: players of an area's modes over time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.api.request import choice_of, invalid_query, name_of, period, reject_unknown, whole_number
from app.api.response import large_json
from app.archive.pool import ArchivePool
from app.bounds import DEFAULT_STEPS, MAX_STEP_SECONDS, MAX_STEPS, MIN_STEP_SECONDS
from app.contract.sql import load_sql

MINUTES_QUERY = load_sql("app.archive", "minutes")


class Steps:
    """The aligned steps that a request asks for, none in the future: `step` in seconds, `starts` since 1970."""

    def __init__(self, request: Request) -> None:
        """Raises InvalidRequest."""
        self.step = whole_number(request, "step", MIN_STEP_SECONDS, MIN_STEP_SECONDS, MAX_STEP_SECONDS)
        if self.step % MIN_STEP_SECONDS:
            raise invalid_query("step", "range", f"step is a whole multiple of {MIN_STEP_SECONDS} seconds")
        begin, end = period(request)
        now = time.time()
        end = now if end is None else min(end, now)
        if begin is None:
            begin = max(0, -(-end // self.step) - DEFAULT_STEPS) * self.step
        first = int(begin // self.step) * self.step
        last = int(-(-end // self.step)) * self.step
        self.starts = range(first, max(first, last), self.step)
        if len(self.starts) > MAX_STEPS:
            raise invalid_query("step", "too_many", f"at most {MAX_STEPS} steps; a larger step covers more time")


async def get_history(request: Request) -> Response:
    """`{"area_code", "step", "series": {mode: [[epoch, count], ...]}}`.

    A step is labelled with its start; its count is that at its end, or with peak=true its highest. Modes that nobody
    played are left out.
    """
    steps, area, peak = _parameters(request, "multiplayer_mode")
    mode = name_of(request, "multiplayer_mode")
    parts = []
    async for name, counts in _series(request, area, mode, steps, peak):
        points = list(zip(steps.starts, counts, strict=True))
        parts.append(b"%b:%b" % (orjson.dumps(name), orjson.dumps(points)))
    body = b'{"area_code":%b,"step":%d,"series":{%b}}' % (orjson.dumps(area), steps.step, b",".join(parts))
    return await large_json(request, body)


async def get_top(request: Request) -> Response:
    """`{"area_code", "step", "top": [[epoch, mode, count], ...]}`; mode is null where nobody played.

    Of modes with the same count, the one that GET /stats lists first.
    """
    steps, area, peak = _parameters(request)
    modes: list[str | None] = [None] * len(steps.starts)
    most = [0] * len(steps.starts)
    async for name, counts in _series(request, area, None, steps, peak):
        for index, count in enumerate(counts):
            if count and count >= most[index]:
                modes[index], most[index] = name, count
    top = list(zip(steps.starts, modes, most, strict=True))
    return await large_json(request, orjson.dumps({"area_code": area, "step": steps.step, "top": top}))


def _parameters(request: Request, *names: str) -> tuple[Steps, str, bool]:
    """(steps, area, peak); `names` are the endpoint's further parameters. Raises InvalidRequest."""
    reject_unknown(request, "area_code", "from", "to", "step", "peak", *names)
    area = name_of(request, "area_code")
    if area is None:
        raise invalid_query("area_code", "missing", "area_code is required")
    return Steps(request), area, choice_of(request, "peak", ("false", "true")) == "true"


async def _series(
    request: Request, area: str, mode: str | None, steps: Steps, peak: bool
) -> AsyncIterator[tuple[str, list[int]]]:
    """(mode, its count in each step) of the modes that were played, by name. Yields to other requests after each."""
    starts = steps.starts
    if not starts:
        return
    archive: ArchivePool = request.state.archive
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (starts.start, starts.stop))
    rows = await archive.fetch(MINUTES_QUERY, area, begin, end, starts.step, mode)
    for name, of_mode in groupby(rows, key=lambda row: row["mode"]):
        counts = list(_filled(of_mode, starts, peak))
        if any(counts):
            yield name, counts
        await asyncio.sleep(0)


def _filled(rows: Iterator[Any], starts: range, peak: bool) -> Iterator[int]:
    """A count for each step: the last one where nothing changed."""
    last = 0
    at = starts.start
    for row in rows:
        for _ in range(at, row["at"], starts.step):
            yield last
        if row["at"] >= starts.start:
            yield row["peak"] if peak else row["last"]
            at = row["at"] + starts.step
        last = row["last"]
    for _ in range(at, starts.stop, starts.step):
        yield last
