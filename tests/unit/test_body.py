"""A body is put together, decompressed and read as JSON, or refused with a reason."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api.body import parse_json, read_body
from app.errors import InvalidRequest
from app.settings import Settings

LIMIT = 2048
SETTINGS = Settings(max_body_bytes=LIMIT, body_timeout_seconds=0.1)


def test_json_that_breaks_off_is_located() -> None:
    assert parse_json(b'{"a": [1]}', []) == {"a": [1]}
    with pytest.raises(InvalidRequest) as raised:
        parse_json(b'{\n "a": }', [3])
    assert (raised.value.status, raised.value.code) == (400, "invalid_json")
    assert raised.value.errors == [{"loc": [3], "code": "invalid_json", "message": "not valid JSON: line 2, column 7"}]


def receiving(*messages: Message) -> Callable[[], Awaitable[Message]]:
    """A client that sends these messages, then nothing."""
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def body_of(*chunks: bytes) -> Callable[[], Awaitable[Message]]:
    last = len(chunks) - 1
    return receiving(
        *({"type": "http.request", "body": chunk, "more_body": n < last} for n, chunk in enumerate(chunks))
    )


DISCONNECT = {"type": "http.disconnect"}
GZIP = {b"content-encoding": b" GZIP "}
TWO_MEMBERS = gzip.compress(b"a" * 10) + gzip.compress(b"b" * 10)


@pytest.mark.parametrize(
    ("chunks", "headers", "body"),
    [
        ([b""], {}, b""),
        ([b"x" * LIMIT], {b"content-length": b"2048"}, b"x" * LIMIT),
        ([b"a", b"", b"b"], {b"content-encoding": b"identity"}, b"ab"),
        ([b"x" * 2000, b"x" * 48], {}, b"x" * LIMIT),
        ([gzip.compress(b"x" * LIMIT)], GZIP, b"x" * LIMIT),
        ([TWO_MEMBERS[:15], TWO_MEMBERS[15:]], GZIP, b"a" * 10 + b"b" * 10),
        ([b""], GZIP, b""),
    ],
)
async def test_body_is_put_together_and_decompressed(
    chunks: list[bytes], headers: dict[bytes, bytes], body: bytes
) -> None:
    assert await read_body(body_of(*chunks), headers, SETTINGS) == body


@pytest.mark.parametrize(
    ("chunks", "headers", "status", "code"),
    [
        ([b"x" * (LIMIT + 1)], {}, 413, "body_too_large"),
        ([b"x" * LIMIT, b"x", b""], {}, 413, "body_too_large"),
        ([b""], {b"content-length": b"2049"}, 413, "body_too_large"),
        ([gzip.compress(b"x" * (LIMIT + 1))], GZIP, 413, "body_too_large"),
        ([gzip.compress(b"x" * LIMIT) + gzip.compress(b"x")], GZIP, 413, "body_too_large"),
        ([gzip.compress(b"x")[:-1]], GZIP, 400, "invalid_gzip"),
        ([gzip.compress(b"x") + b"rest"], GZIP, 400, "invalid_gzip"),
        ([b"plain"], GZIP, 400, "invalid_gzip"),
        ([b"x"], {b"content-encoding": b"br"}, 415, "unsupported_encoding"),
        ([b"x"], {b"content-encoding": b"gzip, gzip"}, 415, "unsupported_encoding"),
    ],
)
async def test_unusable_body_is_refused(
    chunks: list[bytes], headers: dict[bytes, bytes], status: int, code: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await read_body(body_of(*chunks), headers, SETTINGS)
    assert (raised.value.status, raised.value.code) == (status, code)
    assert (raised.value.headers == {"Connection": "close"}) == (status == 413), "the rest is not read"


async def test_body_that_stops_arriving_is_given_up() -> None:
    with pytest.raises(InvalidRequest) as raised:
        await read_body(receiving({"type": "http.request", "body": b"x", "more_body": True}), {}, SETTINGS)
    assert (raised.value.status, raised.value.code) == (408, "body_timeout")


@pytest.mark.parametrize("first", [[], [{"type": "http.request", "body": b"x", "more_body": True}]])
async def test_client_that_leaves_is_noticed(first: list[Message]) -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(receiving(*first, DISCONNECT), {}, SETTINGS)
