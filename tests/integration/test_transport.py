"""Whatever may arrive on a socket, and limits of connections, against the running service."""

import gzip
import json
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, ranking, stats
from tests.integration.conftest import SMALL
from tests.raw_http import (
    ME,
    OTHER,
    THIRD,
    answers,
    connected,
    exchange,
    login,
    received_before_reset,
    request,
    rest,
)
from tests.servers import Stack, eventually
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER


# --- Requests -------------------------------------------------------------------------------------------------------


def test_applied_event_is_answered_whatever_comes_behind_it(small: Stack, small_http: httpx2.Client, area: int) -> None:
    received = exchange(small, login(area) + login(area, "u2") + b"XXXXXX")
    assert answers(received) == [(200, ""), (200, ""), (400, "malformed_request")]
    assert received.count(b'{"status":true,"accepted":1,"applied":1}') == 2
    assert stats(small_http, area) == {str(area): ranking(duel=2)}
    assert answers(exchange(small, login(area, "u3") + b"XX", end=True)) == [(200, ""), (400, "malformed_request")]
    assert answers(exchange(small, login(area, "u4"), end=True)) == [(200, "")]
    assert stats(small_http, area) == {str(area): ranking(duel=4)}


def test_incomplete_or_malformed_post_is_not_applied(small: Stack, small_http: httpx2.Client, area: int) -> None:
    body = json.dumps(event(area)).encode()
    chunked = request("POST /events HTTP/1.1", "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(body), body)
    for garbage in (b"ZZ\r\n", b"0x\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n"):
        assert answers(exchange(small, chunked + garbage)) == [(400, "malformed_request")]
    assert exchange(small, chunked, end=True) == b""
    assert exchange(small, login(area)[:-1], end=True) == b""
    assert stats(small_http, area) == {str(area): []}
    assert answers(exchange(small, chunked + b"0\r\n\r\n")) == [(200, "")]


def test_answers_are_the_same_however_they_are_written(small: Stack, area: int) -> None:
    """At once, or as messages where the connection ends or another request waits."""
    for one in (login(area), request(f"GET /stats?area_code={area} HTTP/1.1", close=False)):
        one = one.replace(b"\r\n\r\n", b"\r\nX-Request-Id: of-a-test\r\n\r\n", 1)
        closing = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        exchange(small, closing)  # from now on it changes nothing
        as_messages = exchange(small, closing).replace(b"connection: close\r\n", b"", 1)
        with connected(small) as client:
            client.sendall(one)
            assert client.recv(65_536) == as_messages
            client.sendall(one + closing)
            assert rest(client).replace(b"connection: close\r\n", b"", 1) == as_messages * 2


STATS = "GET /stats?area_code=1"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (request(f"{STATS} HTTP/1.0"), 200, ""),
        (request(f"{STATS} HTTP/1.0", "Connection: keep-alive", close=False), 200, ""),
        (request("HEAD /stats?area_code=1 HTTP/1.1"), 200, ""),
        (request("GET http://elsewhere/stats?area_code=1 HTTP/1.1"), 200, ""),
        (request(f"{STATS} HTTP/1.1", "Content-Length: " + "0" * 5000), 200, ""),
        (request(f"{STATS} HTTP/1.1", body=b"not asked for"), 200, ""),
        (request(f"{STATS} HTTP/1.1", "Upgrade: h2c", "Connection: upgrade"), 200, ""),
        (request(f"{STATS} HTTP/1.1", "Expect: 100-continue"), 200, ""),
        (request(f"{STATS} HTTP/9.9"), 400, "malformed_request"),
        (request("get /stats?area_code=1 HTTP/1.1"), 400, "malformed_request"),
        (request(f"{STATS}\x00 HTTP/1.1"), 400, "malformed_request"),
        (request(f"{STATS} HTTP/1.1", "A: \x00"), 400, "malformed_request"),
        (request(f"{STATS} HTTP/1.1", "A B: c"), 400, "malformed_request"),
        (request(f"{STATS} HTTP/1.1", "A: b\nC: d"), 400, "malformed_request"),
        (request("CONNECT localhost:80 HTTP/1.1"), 400, "malformed_request"),
        (request("POST /events HTTP/1.1", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, "malformed_request"),
        (request("POST /events HTTP/1.1", "Content-Length: 3", body=b"[]"), 400, "malformed_request"),
        (request("POST /events HTTP/1.1", "Content-Length: 0x2"), 400, "malformed_request"),
        (request("POST /events HTTP/1.1", "Content-Length: " + "9" * 5000), 400, "malformed_request"),
        (request("POST /events HTTP/1.1", "Content-Length: 9999999999"), 413, "body_too_large"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
        (request(f"{STATS} HTTP/1.1", "A: " + "a" * SMALL["max_header_bytes"]), 431, "headers_too_large"),
        (request(f"{STATS} HTTP/1.1", *["A: b"] * 99), 431, "headers_too_large"),
        (request(f"{STATS} HTTP/1.1", *["A: b"] * 98), 200, ""),
        (request(f"{STATS} HTTP/1.1", *["A: b"] * 20_000), 431, "headers_too_large"),
        (request("GET /" + "a" * SMALL["max_header_bytes"] + " HTTP/1.1"), 414, "url_too_long"),
    ],
)
def test_each_request_has_one_answer(small: Stack, sent: bytes, status: int, code: str) -> None:
    received = exchange(small, sent)
    assert [one for one in answers(received) if one[0] != 100] == [(status, code)]
    assert b"connection: close" in received


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\x28", b"\x80" * 100, "é🎮".encode(), b"", b'"', b"a\tb", b"%00"])
def test_no_value_of_a_header_is_a_fault_of_the_service(small: Stack, area: int, value: bytes) -> None:
    names = [
        *("Accept", "Accept-Encoding", "Authorization", "Content-Encoding", "Content-Type", "Cookie", "Expect"),
        *("Forwarded", "Host", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Origin", "Range", "X-API-Key"),
        *("X-Forwarded-For", "X-Forwarded-Proto"),
    ]
    body = json.dumps(event(area)).encode()
    for line, sent in (
        ("POST /events", body),
        (STATS, b""),
        ("GET /users/ann/sessions", b""),
        ("DELETE /users/a", b""),
    ):
        for name in names:
            received = exchange(small, request(f"{line} HTTP/1.1", name.encode() + b": " + value, body=sent))
            (answer,) = answers(received)
            assert answer[0] < 500, (line, name)
    twice = request("POST /events HTTP/1.1", *["Idempotency-Key: k"] * 2, body=body)
    assert answers(exchange(small, twice)) == [(422, "invalid_header")]
    encoded = request("POST /events HTTP/1.1", *["Content-Encoding: gzip"] * 2, body=gzip.compress(body))
    assert answers(exchange(small, encoded)) == [(415, "unsupported_encoding")]


# --- Connections ----------------------------------------------------------------------------------------------------


def test_slow_and_silent_connections_are_closed_and_others_served(
    small: Stack, small_http: httpx2.Client, area: int
) -> None:
    addresses = [f"127.0.1.{n}" for n in range(20)]
    done = threading.Event()
    with ExitStack() as opened:
        clients = [opened.enter_context(connected(small, addresses[n % 20])) for n in range(600)]
        dribbling = clients[::2]
        silent = clients[1::2]

        def dribble() -> None:
            for byte in b"GET /stats HTTP/1.1\r\nA: " + b"a" * 1000:
                for client in dribbling:
                    with suppress(OSError):
                        client.send(bytes([byte]))
                if done.wait(0.2):
                    return

        writer = threading.Thread(target=dribble)
        writer.start()
        try:
            ended = time.monotonic() + 3 * SMALL["header_timeout_seconds"]
            while time.monotonic() < ended:
                assert stats(small_http, area) == {str(area): []}
            assert all(rest(client) == b"" for client in silent)
            assert all(answers(received_before_reset(client)) == [(408, "header_timeout")] for client in dribbling)
        finally:
            done.set()
            writer.join()


def test_connections_of_an_address_are_bounded(small: Stack) -> None:
    with ExitStack() as opened:
        for _ in range(SMALL["connections_per_address"]):
            client = opened.enter_context(connected(small, THIRD))
            client.sendall(request(f"{STATS} HTTP/1.1", close=False))
            assert client.recv(100)
        received = exchange(small, address=THIRD)
        assert answers(received) == [(429, "too_many_connections")]
        assert b"retry-after: " in received
        assert answers(exchange(small, request(f"{STATS} HTTP/1.1"), address=OTHER)) == [(200, "")]
    eventually(lambda: answers(exchange(small, request(f"{STATS} HTTP/1.1"), address=THIRD)) == [(200, "")])


def test_listeners_are_bounded_by_address_and_in_all(small: Stack, small_http: httpx2.Client, area: int) -> None:
    listen = request(f"GET /stats/stream?area_code={area} HTTP/1.1")

    def refused(address: str) -> Any:
        with connected(small, address) as client:
            client.sendall(listen)
            received = client.recv(65_536)
            return answers(received + rest(client)) if b"problem+json" in received else None

    with ExitStack() as opened:
        streams = [opened.enter_context(listening(small.url, area)) for _ in range(2)]
        for stream in streams:
            stream.next()
        assert refused(ME) == [(429, "too_many_listeners")]
        third = opened.enter_context(connected(small, OTHER))
        third.sendall(listen)
        assert b"text/event-stream" in third.recv(65_536)
        assert refused(THIRD) == [(503, "listeners_full")]
        assert stats(small_http, area) == {str(area): []}
    eventually(lambda: not refused(ME))
