"""What arrives on a connection becomes requests, each answered in its turn."""

import asyncio
import hashlib
import inspect

import pytest
from uvicorn.protocols.http import flow_control, httptools_impl

from tests.transport_server import GET, LAST, POST, eventually, is_problem, on_uvloop, serving, taken


def test_uvicorn_is_the_one_that_this_was_written_for() -> None:
    """After an update: see what app/transport relies on (its docstrings name it), then renew these digests."""
    found = [
        hashlib.sha256(inspect.getsource(module).encode()).hexdigest()[:16] for module in (httptools_impl, flow_control)
    ]
    assert found == ["1d4e1c579df41684", "d39d16560df512f3"]


@pytest.mark.parametrize("rest", [b"XXXXXX", b"X", b"\x00\x01", b"GET\r\n\r\n", b"get / HTTP/1.1\r\n\r\n"])
@on_uvloop
async def test_whole_requests_before_garbage_are_answered_in_order(rest: bytes) -> None:
    async with serving() as served:
        answers = await served.answers(GET + POST + GET + POST + rest, end=rest == b"X")
        assert taken(answers) == ["GET /g 0", "POST /p 3", "GET /g 0", "POST /p 3"]
        assert is_problem(answers, 400, "malformed_request")


@on_uvloop
async def test_connection_that_only_sends_blank_lines_ends_when_it_is_idle() -> None:
    async with serving() as served, served.client() as client:
        client.send(GET)
        await client.reader.readuntil(b">")
        (connection,) = served.connections
        idle = connection.timeout_keep_alive_task
        client.send(b"\r\n")
        await asyncio.sleep(0.05)
        assert idle is not None
        assert idle is connection.timeout_keep_alive_task
        assert not idle.cancelled()


@on_uvloop
async def test_thousands_of_pipelined_requests_are_parsed_as_their_turn_comes() -> None:
    async with serving() as served, served.client() as client:
        client.send(GET.replace(b"/g", b"/wait") + GET * 20_000 + LAST)
        await eventually(lambda: served.connections and served.connections[0]._held)
        await asyncio.sleep(0.1)
        (connection,) = served.connections
        assert len(connection.pipeline) < 1000
        assert len(connection._held) < 1_000_000
        served.application.release.set()
        assert taken(await client.rest()) == ["GET /wait 0", *["GET /g 0"] * 20_000, "GET /last 0"]


@on_uvloop
async def test_no_more_is_read_while_something_is_held_back() -> None:
    part = GET * 400 + b"POST /p HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"b" * 200_000
    held = []
    async with serving() as served, served.client() as client:
        client.send(part * 20 + LAST)
        answers = asyncio.create_task(client.rest())
        while not answers.done():
            held += [len(connection._held) for connection in served.connections]
            await asyncio.sleep(0)
        assert taken(answers.result()) == [*[*["GET /g 0"] * 400, "POST /p 200000"] * 20, "GET /last 0"]
    assert 100_000 < max(held) < 1_000_000


@on_uvloop
async def test_bodies_of_pipelined_requests_are_whole() -> None:
    body = b"POST /b HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + b"b" * 300_000
    async with serving() as served:
        answers = await served.answers(GET + body + GET + body + body + LAST)
        assert taken(answers) == ["GET /g 0", "POST /b 300000", "GET /g 0", *["POST /b 300000"] * 2, "GET /last 0"]


@on_uvloop
async def test_request_to_change_the_protocol_is_answered_as_any_other() -> None:
    """Java's client sends one with each first request, and h2c with a body must not make a request of the body."""
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    post = b"POST /p HTTP/1.1\r\n" + upgrade + b"Content-Length: %d\r\n\r\n" % len(GET) + GET
    chunked = b"POST /c HTTP/1.1\r\n" + upgrade + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    get = b"GET /u HTTP/1.1\r\n" + upgrade + b"\r\n"
    names = [f"POST /p {len(GET)}", "POST /c 3", "GET /u 0", "GET /g 0"]
    stream = post + chunked + get + GET
    async with serving() as served:
        assert taken(await served.answers(stream * 5 + LAST)) == [*names * 5, "GET /last 0"]
        answers = await served.answers(*(stream[at : at + 50] for at in range(0, len(stream), 50)), LAST)
        assert taken(answers) == [*names, "GET /last 0"]


@on_uvloop
async def test_what_changes_something_is_answered_to_a_client_that_has_ended_its_half() -> None:
    async with serving() as served:
        async with served.client() as client:
            client.send(POST.replace(b"/p", b"/wait") + POST)
            client.writer.write_eof()
            await asyncio.sleep(0.1)
            served.application.release.set()
            assert taken(await client.rest()) == ["POST /wait 3", "POST /p 3"]
        served.application.release.clear()
        assert await served.answers(GET.replace(b"/g", b"/wait"), end=True) == b"", "a reader is gone then"
        assert await served.answers(POST[:-1], end=True) == b""


@on_uvloop
async def test_handlers_of_all_pipelined_requests_learn_that_the_client_is_gone() -> None:
    async with serving() as served:
        async with served.client() as client:
            client.send(POST[:-1].replace(b"/p", b"/first"))
            await eventually(lambda: served.connections and served.connections[0].cycle)
            first = served.connections[0].cycle
            client.send(b"c" + GET)
            served.application.release.clear()
            client.send(GET.replace(b"/g", b"/wait") + GET)
            await eventually(lambda: "/wait" in served.application.taken)
            waiting = served.connections[0]._queued
            assert first.response_complete
        await eventually(lambda: waiting[0].disconnected)
        assert all(cycle.disconnected for cycle in waiting)


@pytest.mark.parametrize(("size", "closed"), [(2_000, False), (2_000_000, True)])
@on_uvloop
async def test_body_that_nobody_reads_is_thrown_away_or_ends_the_connection(size: int, closed: bool) -> None:
    async with serving() as served, served.client() as client:
        client.send(b"POST /unread HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
        await client.reader.readuntil(b">")
        client.send(b"b" * size + LAST)
        assert taken(await client.rest()) == ([] if closed else ["GET /last 0"])


@on_uvloop
async def test_connections_of_an_address_are_bounded_and_counted_down_again() -> None:
    async with serving(most_per_address=2) as served:
        async with served.client() as first, served.client():
            first.send(GET)
            await first.reader.readuntil(b">")
            answers = await served.answers()
            assert is_problem(answers, 429, "too_many_connections")
            assert b"retry-after: " in answers
        await eventually(lambda: not served.connections[0]._limits.connections._all)
        async with served.client(), served.client() as again:
            again.send(GET)
            assert await again.reader.readuntil(b">")
