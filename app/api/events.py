"""POST /events: validates events, records them, answers when they are on disk."""

import asyncio
import hashlib
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from app.api.body import receive_body
from app.api.event_batch import EventBatch
from app.api.held_bytes import HeldBytes
from app.api.request import choice_of
from app.api.response import send_json
from app.bounds import MAX_KEY_LENGTH, ON_INVALID
from app.contract.allowed_names import AllowedNames
from app.contract.event import MAX_ERRORS, clock_skew_at
from app.contract.outcome import OVER_LIMIT, Outcome
from app.contract.problem import Location, problem_at
from app.errors import CLIENT_GONE, InvalidRequest, Problem
from app.live.ingest import Ingest
from app.live.refusals import OverLimit
from app.live.submission import RequestKey
from app.settings import Settings

_APPLIED, _CLOCK_SKEW = Outcome.APPLIED.letter, Outcome.CLOCK_SKEW.letter
_REFUSED = frozenset((_CLOCK_SKEW, *OVER_LIMIT))
# Of an event over a limit: the field that names what there is too much of, and the sentence.
_OVER_LIMIT_FAULTS = {
    Outcome.TOO_MANY_AREAS: ("area_code", "as many areas are known as are allowed, and this is another"),
    Outcome.TOO_MANY_NEW_AREAS: ("area_code", "as many areas are new in this minute as are allowed"),
    Outcome.TOO_MANY_MODES: ("multiplayer_mode", "the area has as many modes as are allowed, and this is another"),
    Outcome.TOO_MANY_SESSIONS: ("user_id", "the user has as many sessions as are allowed, and this is another"),
}
# Of a body, digested in one go: about 1 ms.
DIGEST_BYTES = 1_048_576
_KEY_LOC: Location = ["header", "Idempotency-Key"]
_JSON = b"application/json"
_HEADERS = frozenset((b"content-length", b"content-type", b"content-encoding", b"idempotency-key"))


class PostEvents:
    """A plain ASGI app: every event passes here, so there is no layer that it does not need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._allowed = AllowedNames(*settings.listed_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._answer(scope, receive)
        except ClientDisconnect:
            scope["status"] = CLIENT_GONE
        except Problem as problem:
            scope["status"] = problem.status
            await problem.response(scope)(scope, receive, send)
        else:
            await send_json(scope, send, body)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        headers = _headers(scope)
        skip = bool(scope["query_string"]) and choice_of(Request(scope), "on_invalid", ON_INVALID) == "skip"
        batch = EventBatch(self._settings.max_request_events, skip, self._allowed)
        key = None
        held = HeldBytes(self._settings.max_waiting_bytes)
        try:
            body = await receive_body(receive, headers, self._settings, held, self._settings.max_body_bytes)
            await batch.read(body, _is_lines(headers))
            scope["state"]["principal"].take_events(batch.count)
            if batch.bad and not skip:
                raise _invalid_events(batch)
            if b"idempotency-key" in headers:
                name = headers[b"idempotency-key"]
                key = await _request_key(name, scope["query_string"], body, self._settings.idempotency_seconds)
            del body
        finally:
            held.close()
        ingest: Ingest = scope["state"]["ingest"]
        try:
            outcomes = await ingest.record(batch.script_args, key, skip)
        except OverLimit as problem:
            refused = [(position, limit.letter) for position, limit in sorted(problem.refused.items())]
            problem.errors = _faults(batch, refused)
            raise
        return _summary(batch, outcomes)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Those that are read here. Raises InvalidRequest."""
    found = [header for header in scope["headers"] if header[0] in _HEADERS]
    headers = dict(found)
    if len(headers) < len(found):
        if sum(name == b"idempotency-key" for name, _ in found) > 1:
            raise _invalid_key(problem_at(_KEY_LOC, "repeated", "Idempotency-Key is given once at most"))
        # Several lines of a header are one list.
        headers[b"content-encoding"] = b",".join(value for name, value in found if name == b"content-encoding")
    return headers


def _is_lines(headers: dict[bytes, bytes]) -> bool:
    content_type = headers.get(b"content-type", _JSON)
    if content_type == _JSON:
        return False
    return content_type.partition(b";")[0].strip().lower() in (b"application/x-ndjson", b"application/jsonl")


def _invalid_events(batch: EventBatch) -> InvalidRequest:
    cut = len(batch.errors) == MAX_ERRORS
    return InvalidRequest(
        422,
        "invalid_events",
        "Some events are not valid; nothing was applied",
        batch.errors,
        detail=f"These are the first {MAX_ERRORS} faults; there may be more" if cut else "",
    )


def _summary(batch: EventBatch, outcomes: str) -> bytes:
    """The answer: one outcome letter for each event that was valid."""
    answer: dict[str, Any] = {"status": True, "accepted": len(outcomes), "applied": outcomes.count(_APPLIED)}
    errors = batch.errors
    if _CLOCK_SKEW in outcomes or not outcomes.islower():
        invalid = set(batch.bad)
        recorded = (index for index in range(batch.count) if index not in invalid)
        refused = [pair for pair in zip(recorded, outcomes, strict=True) if pair[1] in _REFUSED]
        answer["accepted"] -= len(refused)
        errors += _faults(batch, refused)
    if errors:
        answer["errors"] = errors[:MAX_ERRORS]
    return orjson.dumps(answer)


def _faults(batch: EventBatch, refused: list[tuple[int, str]]) -> list[dict[str, Any]]:
    """Of (index of an item, the letter of why it was refused): the first MAX_ERRORS."""
    faults = []
    for index, letter in refused[:MAX_ERRORS]:
        item: Location = [*batch.loc, index] if batch.many else batch.loc
        if letter == _CLOCK_SKEW:
            # By the rule of validation: Redis's clock is behind this process's.
            faults.append(clock_skew_at(item))
        else:
            limit = OVER_LIMIT[letter]
            field, message = _OVER_LIMIT_FAULTS[limit]
            faults.append(problem_at([*item, field], limit, message))
    return faults


async def _request_key(name: bytes, query: bytes, body: bytes, seconds: int) -> RequestKey:
    """Raises InvalidRequest."""
    if not 1 <= len(name) <= MAX_KEY_LENGTH:
        message = f"Idempotency-Key is 1 to {MAX_KEY_LENGTH} characters"
        raise _invalid_key(problem_at(_KEY_LOC, "length", message))
    digest = hashlib.blake2b(query + b"\n", digest_size=16)
    for start in range(0, len(body), DIGEST_BYTES):
        if start:
            await asyncio.sleep(0)
        digest.update(body[start : start + DIGEST_BYTES])
    return RequestKey(hashlib.blake2b(name, digest_size=16).hexdigest(), digest.hexdigest(), seconds)


def _invalid_key(fault: dict[str, Any]) -> InvalidRequest:
    return InvalidRequest(422, "invalid_header", "The Idempotency-Key is not valid", [fault])
