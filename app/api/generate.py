"""POST /generate_data: random, valid events, recorded like all others."""

import asyncio
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.body import parse_json, read_body
from app.api.response import json_response
from app.bounds import GENERATE_NUMBERS
from app.contract.allowed_names import AllowedNames
from app.contract.area_mode import join_area_mode
from app.contract.outcome import OVER_LIMIT, EventKind
from app.contract.problem import problem_at
from app.contract.samples import MODES
from app.errors import InvalidRequest, Unavailable
from app.live.ingest import Ingest
from app.live.refusals import partly_applied
from app.settings import Settings

# How often each kind is drawn: mostly LOGIN, so that some sessions stay active.
WEIGHTS = {EventKind.LOGIN: 6, EventKind.LOGOUT: 3, EventKind.HEARTBEAT: 1}
# Recorded at a time, and made in one go: about 0.4 ms, which is how long other requests may have to wait.
RECORD_EVENTS = 1000
SLICE_EVENTS = 100


async def generate_data(request: Request) -> Response:
    """`{"cnt_records_generated"}`. The body may hold the numbers of GENERATE_NUMBERS; equal seeds make equal events.

    Events that would open more than the limits allow are left out.
    """
    settings: Settings = request.state.settings
    body = await read_body(request.receive, dict(request.headers.raw), settings)
    numbers = _numbers(parse_json(body, []) if body.strip() else {})
    request.state.principal.take_events(numbers["events"])
    events = _random_events(AllowedNames(*settings.listed_names), **numbers)
    return json_response({"cnt_records_generated": await _record(events, request.state.ingest)})


async def _record(events: Iterator[tuple[str, ...]], ingest: Ingest) -> int:
    """How many were taken. Raises Unavailable."""
    handed = taken = 0
    while script_args := await _next_args(events):
        try:
            outcomes = await ingest.record(script_args, skip=True)
        except Unavailable as error:
            raise partly_applied(error) if handed else error from None
        handed += len(outcomes)
        taken += sum(outcome not in OVER_LIMIT for outcome in outcomes)
    return taken


async def _next_args(events: Iterator[tuple[str, ...]]) -> list[str]:
    """The script arguments of the next RECORD_EVENTS events."""
    script_args: list[str] = []
    for _ in range(RECORD_EVENTS // SLICE_EVENTS):
        for event in islice(events, SLICE_EVENTS):
            script_args += event
        await asyncio.sleep(0)
    return script_args


def _numbers(parsed: Any) -> dict[str, Any]:
    if not isinstance(parsed, dict):
        raise _invalid([problem_at([], "type", "the body is a JSON object")])
    numbers: dict[str, Any] = {}
    errors = []
    for name, (default, low, high) in GENERATE_NUMBERS.items():
        value = parsed.get(name)
        if value is None:
            numbers[name] = default
        elif type(value) is not int or not low <= value <= high:
            errors.append(problem_at([name], "range", f"{name} is a whole number from {low} to {high}"))
        else:
            numbers[name] = value
    if errors:
        raise _invalid(errors)
    return numbers


def _invalid(errors: list[dict[str, Any]]) -> InvalidRequest:
    return InvalidRequest(422, "invalid_request", "The request is not valid; nothing was generated", errors)


def _random_events(
    allowed: AllowedNames, events: int, users: int, areas: int, modes: int, seed: int | None
) -> Iterator[tuple[str, ...]]:
    """The script arguments of each. Areas are unequally popular, as in life; of listed names only those are used."""
    area_names, mode_names = sorted(allowed.areas), sorted(allowed.modes)
    chance = random.Random(seed)
    kinds, weights = tuple(map(str, WEIGHTS)), tuple(WEIGHTS.values())
    for _ in range(events):
        user = chance.randrange(users)
        area = min(int(chance.paretovariate(1)) - 1, areas - 1)
        mode = chance.randrange(modes)
        area_name = area_names[area % len(area_names)] if area_names else str(100 + area)
        if mode_names:
            mode_name = mode_names[mode % len(mode_names)]
        else:
            mode_name = MODES[mode] if mode < len(MODES) else f"mode_{mode}"
        kind = chance.choices(kinds, weights)[0]
        yield f"user_{user}", join_area_mode(area_name, mode_name), kind, ""
