"""A body is put together, decompressed and read as JSON, or refused with a reason."""

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api.body import FIELDS_BYTES, MAX_MEMBERS, SLICE_BYTES, parse_json, read_body, receive_body
from app.api.held_bytes import HeldBytes
from app.errors import InvalidRequest, Unavailable
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
        ([gzip.compress(b"")], GZIP, b""),
        ([gzip.compress(b"a")], {b"content-encoding": b"x-gzip"}, b"a"),
        ([b"a"], {b"content-length": b"0" * 5000 + b"1"}, b"a"),
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
        ([b""], {b"content-length": b"0" * 5000 + b"9" * 5000}, 413, "body_too_large"),
        ([b"x" * (LIMIT + 1)], {b"content-length": b"\xb2"}, 413, "body_too_large"),
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


@pytest.mark.parametrize("size", [SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 10 * SLICE_BYTES])
async def test_gzip_of_any_size_is_decompressed_to_the_end(size: int) -> None:
    body = random.Random(size).randbytes(size // 2) + b"x" * (size - size // 2)
    with closing(HeldBytes(10**9)) as held:
        for sent in (gzip.compress(body), gzip.compress(body[:100]) + gzip.compress(body[100:])):
            assert await receive_body(body_of(sent), GZIP, Settings(), held, size) == body
        with pytest.raises(InvalidRequest) as raised:
            await receive_body(body_of(gzip.compress(body)), GZIP, Settings(), held, size - 1)
        assert raised.value.status == 413


async def test_gzip_members_are_bounded_as_each_costs_something() -> None:
    members = gzip.compress(b"") * MAX_MEMBERS
    assert await read_body(body_of(members), GZIP, Settings()) == b""
    with pytest.raises(InvalidRequest) as raised:
        await read_body(body_of(members + gzip.compress(b"")), GZIP, Settings())
    assert raised.value.code == "invalid_gzip"


async def test_body_of_a_few_fields_is_small() -> None:
    fields = b"x" * FIELDS_BYTES
    assert await read_body(body_of(fields), {}, Settings()) == fields
    with pytest.raises(InvalidRequest) as raised:
        await read_body(body_of(fields + b"x"), {}, Settings())
    assert raised.value.status == 413


async def test_bodies_that_are_read_at_a_time_are_bounded_together() -> None:
    settings = Settings(max_waiting_bytes=1_048_576)
    large = 1_000_000
    half = [b"x" * (large // 2)] * 2
    with closing(HeldBytes(settings.max_waiting_bytes)) as one:
        await receive_body(body_of(*half), {}, settings, one, large)
        for sent, headers in ((half, {}), ([gzip.compress(b"".join(half))], GZIP)):
            with closing(HeldBytes(settings.max_waiting_bytes)) as other, pytest.raises(Unavailable) as raised:
                await receive_body(body_of(*sent), headers, settings, other, large)
            assert (raised.value.code, raised.value.headers["Connection"]) == ("bodies_full", "close")
            with closing(HeldBytes(settings.max_waiting_bytes)) as other:
                assert await receive_body(body_of(b"x" * 40_000), {}, settings, other, large)
    with closing(HeldBytes(settings.max_waiting_bytes)) as other:
        await receive_body(body_of(*half), {}, settings, other, large)
        assert await receive_body(body_of(*half), {}, settings, other, large), "one alone may go beyond it"


async def test_refusal_of_an_upload_is_complete_before_the_rest_of_it_arrives() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(InvalidRequest) as raised:
        await read_body(body_of(b"x", b"y"), {b"content-length": b"9999"}, SETTINGS)
    response = raised.value.response({"type": "http"})
    rest = receiving({"type": "http.request", "body": b"x", "more_body": True}, DISCONNECT)
    await response({"type": "http"}, rest, send)
    start, body, end = sent
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(body["body"])
    assert (body["more_body"], end.get("body", b"")) == (True, b""), "it closes the connection when it ends"
