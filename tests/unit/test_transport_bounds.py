"""What is no HTTP, or too much or too slow to be a request, is refused as a problem, and the connection ends."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from app.transport.protocol import MAX_HEADERS, PIECE_BYTES
from tests.transport_server import GET, HEADER_BYTES, LAST, POST, is_problem, on_uvloop, serving, taken


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01",  # TLS
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
        b"GET / HTTP/1.1\r\n: c\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
    ],
)
@on_uvloop
async def test_malformed_request_is_a_problem_and_the_end(garbage: bytes) -> None:
    async with serving() as served:
        answers = await served.answers(garbage)
        assert answers.count(b"HTTP/1.1 ") == 1
        assert is_problem(answers, 400, "malformed_request")
        assert not served.application.taken


@on_uvloop
async def test_body_that_stops_being_one_is_refused_behind_the_requests_before_it() -> None:
    chunked = b"POST /chunked HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    async with serving() as served:
        answers = await served.answers(chunked, b"ZZ\r\n")
        assert is_problem(answers, 400, "malformed_request")
        assert served.application.left == ["/chunked"], "its handler is not kept waiting"
        answers = await served.answers(GET + chunked + b"ZZ\r\n")
        assert taken(answers) == ["GET /g 0"]
        assert is_problem(answers, 400, "malformed_request")
    assert "/chunked" not in served.application.taken


def headers_of(size: int) -> bytes:
    """A request whose headers have this many bytes; its answer ends the connection."""
    return b"GET /h HTTP/1.1\r\nConnection: close\r\nA: %b\r\n\r\n" % (b"a" * (size - 42))


@on_uvloop
async def test_headers_are_bounded_in_bytes_and_number() -> None:
    async with serving() as served:
        for parts in (1, 7):
            for excess in (0, 1):
                sent = headers_of(HEADER_BYTES - 1 + excess)
                size = -(-len(sent) // parts)
                answers = await served.answers(*(sent[at : at + size] for at in range(0, len(sent), size)))
                assert excess or taken(answers) == ["GET /h 0"]
                assert not excess or is_problem(answers, 431, "headers_too_large")
        fields = [b"A: b"] * (MAX_HEADERS - 1)
        for more in (0, 1):
            sent = b"\r\n".join([b"GET /h HTTP/1.1", b"Connection: close", *fields, *[b"C:d"] * more, b"\r\n"])
            answers = await served.answers(sent)
            assert more or taken(answers) == ["GET /h 0"]
            assert not more or is_problem(answers, 431, "headers_too_large")
        answers = await served.answers(b"GET /" + b"a" * HEADER_BYTES)
        assert is_problem(answers, 414, "url_too_long")


@on_uvloop
async def test_each_request_of_a_connection_has_the_same_room_for_headers() -> None:
    """Whatever came before it in the same read: other requests, the end of a body."""
    large = b"GET /h HTTP/1.1\r\nA: %b\r\n\r\n" % (b"a" * (HEADER_BYTES - 100))
    body = b"POST /p HTTP/1.1\r\nContent-Length: 12000\r\n\r\n" + b"b" * 12_000
    stream = (large + body) * 4 + LAST
    async with serving() as served:
        for size in (1000, 10_000, 13_000, 30_000):
            answers = await served.answers(*(stream[at : at + size] for at in range(0, len(stream), size)))
            assert taken(answers) == [*["GET /h 0", "POST /p 12000"] * 4, "GET /last 0"], size


@pytest.mark.parametrize(
    "start",
    [b"GET / HTTP/1.1\r\nA: ", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: ",
     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a="],
    ids=["header", "trailer", "chunk extension"],
)  # fmt: skip
@on_uvloop
async def test_endless_header_is_refused_and_nowhere_kept(start: bytes) -> None:
    async with serving() as served, served.client() as client:
        client.send(start)
        sent = 0
        while not client.reader.at_eof() and sent < 20_000_000:
            client.send(b"a" * 65_536)
            sent += 65_536
            await client.writer.drain()
        assert is_problem(await client.rest(), 431, "headers_too_large")
        assert not served.connections[0]._held


@on_uvloop
async def test_headers_have_their_time_and_silence_too() -> None:
    async with serving(header_seconds=0.2) as served:
        assert await served.answers() == b"", "nothing was asked"
        assert await served.answers(b"\r\n\r\n") == b"", "nor here"
        assert is_problem(await served.answers(b"GET / HT"), 408, "header_timeout")
        answers = await served.answers(GET, POST, GET + b"GET / HT")
        assert taken(answers) == ["GET /g 0", "POST /p 3", "GET /g 0"]
        assert is_problem(answers, 408, "header_timeout")
        async with served.client() as client:
            for byte in b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000:
                if client.reader.at_eof() or served.connections[-1]._refused:
                    break
                client.send(bytes([byte]))
                await asyncio.sleep(0.01)
            assert is_problem(await client.rest(), 408, "header_timeout")


@on_uvloop
async def test_time_of_headers_does_not_run_while_they_are_held_back() -> None:
    async with serving(header_seconds=0.1) as served, served.client() as client:
        waiting = GET.replace(b"/g", b"/wait?")
        assert (PIECE_BYTES - len(waiting)) % len(GET), "a piece ends within a request"
        client.send(waiting + GET * 2000 + LAST[:20])
        await asyncio.sleep(0.3)
        client.send(LAST[20:])
        served.application.release.set()
        assert taken(await client.rest()) == ["GET /wait 0", *["GET /g 0"] * 2000, "GET /last 0"]


@on_uvloop
async def test_no_timer_is_set_for_requests_that_come_in_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as served, served.client() as client:
        client.send(GET)
        await client.reader.readuntil(b">")
        (connection,) = served.connections
        set_timers: list[Any] = []
        call_later = connection.loop.call_later

        def noting(delay: float, callback: Callable[..., Any], *args: Any) -> Any:
            set_timers.append(callback)
            return call_later(delay, callback, *args)

        monkeypatch.setattr(connection, "_set_timer", partial(set_timers.append, "headers"))
        for request in (GET, POST, GET):
            client.send(request)
            await client.reader.readuntil(b">")
        assert connection._timer is None
        assert not set_timers


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.02)], ids=["together", "later"])
@on_uvloop
async def test_large_refused_upload_still_gets_its_answer(wait: Callable[[], Awaitable[None]]) -> None:
    """Were the connection closed at once, the rest of the upload would reset it and take the answer away."""
    async with serving() as served, served.client() as client:
        client.send(b"GET / HTTP/1.1\r\nA: " + b"a" * HEADER_BYTES)
        for _ in range(50):
            client.send(b"a" * 65_536)
            await wait()
        assert is_problem(await client.rest(), 431, "headers_too_large")
