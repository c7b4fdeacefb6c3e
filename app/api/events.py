"""POST /events: takes events, applies them through the group commit, answers when they are on disk."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.request import invalid_query, parse_json, read_body
from app.batcher import Batcher, RequestKey, partly_applied
from app.contract.event import FLAT_WIDTH, flatten
from app.contract.keys import partition_of
from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest, Problem, Unavailable
from app.settings import Settings


class Ingest:
    """Distributes events to the partitions' batchers and sums up what became of them."""

    def __init__(self, batchers: Sequence[Batcher]) -> None:
        self._batchers = batchers

    async def record(self, flat: list[str], key: RequestKey | None = None) -> str:
        """One outcome letter per event, in order. Raises Unavailable or InvalidRequest."""
        if not flat:
            return ""
        if len(self._batchers) == 1:
            return await self._batchers[0].submit(flat, key)
        parts: dict[int, list[str]] = {}
        positions: dict[int, list[int]] = {}
        for start in range(0, len(flat), FLAT_WIDTH):
            partition = partition_of(flat[start + 1].partition("|")[0], len(self._batchers))
            parts.setdefault(partition, []).extend(flat[start : start + FLAT_WIDTH])
            positions.setdefault(partition, []).append(start // FLAT_WIDTH)
        answers = await asyncio.gather(
            *(self._batchers[p].submit(part, key) for p, part in parts.items()), return_exceptions=True
        )
        outcomes = [""] * (len(flat) // FLAT_WIDTH)
        for partition, answer in zip(parts, answers, strict=True):
            if isinstance(answer, Unavailable | InvalidRequest):
                raise partly_applied(answer) if any(isinstance(other, str) for other in answers) else answer
            if isinstance(answer, BaseException):
                raise answer
            for position, outcome in zip(positions[partition], answer, strict=True):
                outcomes[position] = outcome
        return "".join(outcomes)

    async def drain(self) -> None:
        await asyncio.gather(*(batcher.drain() for batcher in self._batchers))


class PostEvents:
    """The endpoint, a plain ASGI app: the path of every event has no layer it does not need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            response = await self._answer(scope, headers, receive)
        except ClientDisconnect:
            return
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        body = await read_body(receive, headers, self._settings)
        skip = _skips_invalid(scope["query_string"])
        items, loc, many = _items(body, headers.get("content-type", ""))
        flat, errors, bad = flatten(items, time.time(), loc, many)
        if bad and not skip:
            raise InvalidRequest(422, "invalid_events", "Some events are not valid; nothing was applied", errors)
        ingest: Ingest = scope["state"]["ingest"]
        key = _request_key(headers, scope["query_string"], body, self._settings.idempotency_seconds)
        outcomes = await ingest.record(flat, key)
        answer: dict[str, Any] = {"status": True, "accepted": len(outcomes), "applied": outcomes.count("a")}
        if "k" in outcomes:
            # The server's clock is behind this process's: refused there, by the contract's rule.
            refused = [position for position, outcome in enumerate(outcomes) if outcome == "k"]
            taken = [position for position in range(len(items)) if position not in set(bad)]
            for position in refused[:100]:
                place = [*loc, taken[position], "epoch_timestamp"] if many else [*loc, "epoch_timestamp"]
                message = "epoch_timestamp is more than 60 s in the future"
                errors.append(problem_at(place, "clock_skew", message))
            answer["accepted"] -= len(refused)
        if errors:
            answer["errors"] = errors
        return Response(orjson.dumps(answer), media_type="application/json")


def _items(body: bytes, content_type: str) -> tuple[list[Any], Location, bool]:
    """The events of a body, where they stand in it, and whether they stand in a list."""
    if content_type.partition(";")[0].strip().lower() in ("application/x-ndjson", "application/jsonl"):
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


def _skips_invalid(query: bytes) -> bool:
    choice = dict(parse_qsl(query, keep_blank_values=True)).get(b"on_invalid", b"reject") if query else b"reject"
    if choice not in (b"reject", b"skip"):
        raise invalid_query("on_invalid", "unknown_value", "on_invalid is skip or reject")
    return choice == b"skip"


def _request_key(headers: Headers, query: bytes, body: bytes, seconds: int) -> RequestKey | None:
    text = headers.get("idempotency-key")
    if text is None:
        return None
    if not 1 <= len(text) <= 255:
        place: Location = ["header", "Idempotency-Key"]
        raise InvalidRequest(
            422,
            "invalid_header",
            "The Idempotency-Key is not valid",
            [problem_at(place, "length", "Idempotency-Key is 1 to 255 characters")],
        )
    return RequestKey(_digest(text.encode("latin-1")), _digest(query + b"\n" + body), seconds)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
