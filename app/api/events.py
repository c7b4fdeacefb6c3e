"""POST /events: validates events, records them, answers when they are on disk."""

import asyncio
import hashlib
import time
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from app.api.request import choice_of, parse_json, read_body
from app.api.response import send_json
from app.bounds import MAX_KEY_LENGTH, ON_INVALID
from app.contract.allowed_names import AllowedNames, allowed_names
from app.contract.event import MAX_ERRORS, Validated, clock_skew_at, validate_events
from app.contract.outcome import OVER_LIMIT, Outcome
from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest, Problem
from app.live.ingest import Ingest
from app.live.refusals import OverLimit
from app.live.submission import RequestKey
from app.settings import Settings

# Events validated in one go: about 0.05 ms, which is how long a read may have to wait.
SLICE_EVENTS = 50
_APPLIED, _CLOCK_SKEW = Outcome.APPLIED.letter, Outcome.CLOCK_SKEW.letter
_REFUSED = frozenset((_CLOCK_SKEW, *OVER_LIMIT))
# Of an event over a limit: the field that names what there is too much of, and the sentence.
_OVER_LIMIT_FAULTS = {
    Outcome.TOO_MANY_AREAS: ("area_code", "as many areas are known as are allowed, and this is another"),
    Outcome.TOO_MANY_NEW_AREAS: ("area_code", "as many areas are new in this minute as are allowed"),
    Outcome.TOO_MANY_MODES: ("multiplayer_mode", "the area has as many modes as are allowed, and this is another"),
    Outcome.TOO_MANY_SESSIONS: ("user_id", "the user has as many sessions as are allowed, and this is another"),
}
_HEADERS = frozenset((b"content-length", b"content-type", b"content-encoding", b"idempotency-key"))


class PostEvents:
    """A plain ASGI app: every event passes here, so there is no layer that it does not need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._allowed = allowed_names(settings.areas, settings.modes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        except Problem as problem:
            await problem.response()(scope, receive, send)
        else:
            await send_json(send, body)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        headers = {name: value for name, value in scope["headers"] if name in _HEADERS}
        body = await read_body(receive, headers, self._settings)
        skip = bool(scope["query_string"]) and choice_of(Request(scope), "on_invalid", ON_INVALID) == "skip"
        items, loc, many = _items(body, headers.get(b"content-type", b""))
        script_args, errors, bad = await _validate(items, loc, many, self._allowed)
        if bad and not skip:
            raise InvalidRequest(422, "invalid_events", "Some events are not valid; nothing was applied", errors)
        ingest: Ingest = scope["state"]["ingest"]
        key = None
        if b"idempotency-key" in headers:
            text = headers[b"idempotency-key"]
            key = _request_key(text, scope["query_string"], body, self._settings.idempotency_seconds)
        try:
            outcomes = await ingest.record(script_args, key, skip)
        except OverLimit as problem:
            refused = [(position, limit.letter) for position, limit in sorted(problem.refused.items())]
            problem.errors = _faults(refused, loc, many)
            raise
        answer: dict[str, Any] = {"status": True, "accepted": len(outcomes), "applied": outcomes.count(_APPLIED)}
        if not _REFUSED.isdisjoint(outcomes):
            invalid = set(bad)
            recorded = (index for index in range(len(items)) if index not in invalid)
            refused = [pair for pair in zip(recorded, outcomes, strict=True) if pair[1] in _REFUSED]
            answer["accepted"] -= len(refused)
            errors += _faults(refused, loc, many)
        if errors:
            answer["errors"] = errors[:MAX_ERRORS]
        return orjson.dumps(answer)


def _faults(refused: list[tuple[int, str]], loc: Location, many: bool) -> list[dict[str, Any]]:
    """Of (index of an item, the letter of why it was refused): the first MAX_ERRORS."""
    faults = []
    for index, letter in refused[:MAX_ERRORS]:
        item: Location = [*loc, index] if many else loc
        if letter == _CLOCK_SKEW:
            # By the rule of validation: Redis's clock is behind this process's.
            faults.append(clock_skew_at(item))
        else:
            limit = OVER_LIMIT[letter]
            field, message = _OVER_LIMIT_FAULTS[limit]
            faults.append(problem_at([*item, field], limit, message))
    return faults


async def _validate(items: list[Any], loc: Location, many: bool, allowed: AllowedNames) -> Validated:
    """As app.contract.event.validate_events, but yields to other requests between slices of a large one."""
    now = time.time()
    if len(items) <= SLICE_EVENTS:
        return validate_events(items, now, loc, many, allowed=allowed)
    script_args: list[str] = []
    errors: list[dict[str, Any]] = []
    bad: list[int] = []
    for first in range(0, len(items), SLICE_EVENTS):
        valid = validate_events(items[first : first + SLICE_EVENTS], now, loc, many, first, allowed)
        script_args += valid.script_args
        errors += valid.errors[: MAX_ERRORS - len(errors)]
        bad += valid.bad
        await asyncio.sleep(0)
    return Validated(script_args, errors, bad)


def _items(body: bytes, content_type: bytes) -> tuple[list[Any], Location, bool]:
    """(the events of a body, their location in it, whether that is a list). Raises InvalidRequest."""
    if content_type.partition(b";")[0].strip().lower() in (b"application/x-ndjson", b"application/jsonl"):
        return [parse_json(line, [n]) for n, line in enumerate(_lines(body))], [], True
    parsed = parse_json(body, [])
    if isinstance(parsed, list):
        return parsed, [], True
    if isinstance(parsed, dict) and "items" in parsed:
        if isinstance(parsed["items"], list):
            return parsed["items"], ["items"], True
        raise InvalidRequest(
            422,
            "invalid_events",
            "items is a list",
            [problem_at(["items"], "type", "items is a list of events")],
        )
    return [parsed], [], False


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\n") if line.strip()]


def _request_key(text: bytes, query: bytes, body: bytes, seconds: int) -> RequestKey:
    """Raises InvalidRequest."""
    if not 1 <= len(text) <= MAX_KEY_LENGTH:
        raise InvalidRequest(
            422,
            "invalid_header",
            "The Idempotency-Key is not valid",
            [
                problem_at(
                    ["header", "Idempotency-Key"], "length", f"Idempotency-Key is 1 to {MAX_KEY_LENGTH} characters"
                )
            ],
        )
    return RequestKey(_digest(text), _digest(query + b"\n" + body), seconds)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
