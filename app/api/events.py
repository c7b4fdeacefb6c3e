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
from app.contract.event import MAX_ERRORS, clock_skew_at
from app.contract.outcome import Outcome
from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest, Problem
from app.live.ingest import Ingest
from app.live.submission import RequestKey
from app.settings import Settings

_APPLIED, _CLOCK_SKEW = Outcome.APPLIED.letter, Outcome.CLOCK_SKEW.letter
# Of a body, digested in one go: about 1 ms.
DIGEST_BYTES = 1_048_576
_KEY_LOC: Location = ["header", "Idempotency-Key"]
_JSON = b"application/json"
_HEADERS = frozenset((b"content-length", b"content-type", b"content-encoding", b"idempotency-key"))


class PostEvents:
    """A plain ASGI app: every event passes here, so there is no layer that it does not need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._answer(scope, receive)
        except ClientDisconnect:
            return
        except Problem as problem:
            await problem.response(scope)(scope, receive, send)
        else:
            await send_json(send, body)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        headers = _headers(scope)
        skip = bool(scope["query_string"]) and choice_of(Request(scope), "on_invalid", ON_INVALID) == "skip"
        batch = EventBatch(self._settings.max_request_events, find_all=skip)
        key = None
        with HeldBytes(self._settings.max_waiting_bytes) as held:
            body = await receive_body(receive, headers, self._settings, held, self._settings.max_body_bytes)
            await batch.read(body, _is_lines(headers))
            if batch.bad and not skip:
                raise _invalid_events(batch)
            if b"idempotency-key" in headers:
                name = headers[b"idempotency-key"]
                key = await _request_key(name, scope["query_string"], body, self._settings.idempotency_seconds)
            del body
        ingest: Ingest = scope["state"]["ingest"]
        outcomes = await ingest.record(batch.script_args, key)
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
    accepted = len(outcomes) - outcomes.count(_CLOCK_SKEW)
    answer: dict[str, Any] = {"status": True, "accepted": accepted, "applied": outcomes.count(_APPLIED)}
    errors = batch.errors
    if _CLOCK_SKEW in outcomes:
        invalid = set(batch.bad)
        recorded = [index for index in range(batch.count) if index not in invalid]
        refused = [index for index, outcome in zip(recorded, outcomes, strict=True) if outcome == _CLOCK_SKEW]
        # By the rule of validation: Redis's clock is behind this process's.
        errors += [clock_skew_at([*batch.loc, index] if batch.many else batch.loc) for index in refused[:MAX_ERRORS]]
    if errors:
        answer["errors"] = errors[:MAX_ERRORS]
    return orjson.dumps(answer)


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
