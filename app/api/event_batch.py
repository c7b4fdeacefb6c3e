"""The events of one request: read, counted and validated, in slices between which other requests have their turn."""

import asyncio
import time
from typing import Any

from app.api.body import parse_json
from app.api.event_slices import events_of, json_slices, line_slices
from app.api.value_budget import ValueBudget
from app.contract.allowed_names import ALL_NAMES, AllowedNames
from app.contract.event import MAX_ERRORS, validate_events
from app.contract.problem import Location
from app.errors import InvalidRequest

# Events validated in one go: about 0.05 ms, which is how long a read may have to wait.
SLICE_EVENTS = 50
# Bodies up to here are parsed in one go.
SMALL_BYTES = 65_536


class EventBatch:
    """`script_args`, `errors` and `bad` are those of app.contract.event.Validated; `count` is of all events sent.

    `most`: how many there may be. `find_all`: looks for every bad one; else the first MAX_ERRORS faults are enough, and
    what comes after them is only parsed and counted. `allowed`: the names that are taken.
    """

    __slots__ = ("_allowed", "_find_all", "_most", "bad", "count", "errors", "loc", "many", "script_args")

    def __init__(self, most: int, find_all: bool, allowed: AllowedNames = ALL_NAMES) -> None:
        self._most = most
        self._allowed = allowed
        self._find_all = find_all
        self.loc: Location = []
        self.many = True
        self.script_args: list[str] = []
        self.errors: list[dict[str, Any]] = []
        self.bad: list[int] = []
        self.count = 0

    async def read(self, body: bytes, is_lines: bool) -> None:
        """`is_lines`: the body is NDJSON. Raises InvalidRequest when there are too many events or no JSON."""
        now = time.time()
        if len(body) <= SMALL_BYTES and not is_lines:
            items, self.loc, self.many = events_of(parse_json(body, []))
            if len(items) <= SLICE_EVENTS and len(items) <= self._most:
                self.count = len(items)
                self.script_args, self.errors, self.bad = validate_events(
                    items, now, self.loc, self.many, allowed=self._allowed
                )
            else:
                await self._add(items, now)
            return
        budget = ValueBudget(self._most)
        self.loc, self.many, slices = line_slices(body, budget) if is_lines else json_slices(body, budget)
        for items in slices:
            await self._add(items, now)
            await asyncio.sleep(0)

    async def _add(self, items: list[Any], now: float) -> None:
        first = self.count
        self.count += len(items)
        if self.count > self._most:
            raise InvalidRequest(
                422, "too_many_events", f"More than {self._most} events in one request; nothing was applied"
            )
        for start in range(0, len(items), SLICE_EVENTS):
            if start:
                await asyncio.sleep(0)
            room = MAX_ERRORS - len(self.errors)
            if not (room or self._find_all):
                return
            part = items[start : start + SLICE_EVENTS]
            found = validate_events(part, now, self.loc, self.many, first + start, room, self._allowed)
            self.script_args += found.script_args
            self.errors += found.errors
            self.bad += found.bad
