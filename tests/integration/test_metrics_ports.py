"""Where /metrics is served, and to whom: on the API's port by a key, on ports of their own to whoever reaches them."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from modepulse.launcher.child_process import child_setup
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.ports import unused_port
from tests.prometheus import figures, reachable, scrape, value
from tests.servers import Stack, eventually, modepulse, serving

pytestmark = SAME_ON_EVERY_SERVER


@contextmanager
def command(name: str, settings: dict[str, str], *arguments: str, fds: tuple[int, ...] = ()) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "modepulse", name, *arguments],
        stdin=subprocess.DEVNULL,
        env=os.environ | settings,
        pass_fds=fds,
        preexec_fn=child_setup(signal.SIGKILL),
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_a_key_with_read_where_keys_are_needed_or_none_where_it_is_open(tmp_path: Path) -> None:
    with Stack(tmp_path / "data") as stack:
        made = modepulse("keys", "create", "prometheus", "--scope", "read", "--data-dir", str(stack.directory))
        key = {"Authorization": f"Bearer {made.stdout.strip()}"}
        address = f"{stack.url}/metrics"
        eventually(lambda: httpx2.get(address).status_code == 401)
        assert problem(httpx2.get(address), 401)["code"] == "key_required"
        assert "modepulse_ready" in scrape(address, headers=key)
        # The archiver, on its own port, asks for none.
        assert figures(stack, "archiver")
        stores = {"redis_url": stack.run["redis_url"], "postgres_dsn": stack.run["postgres_dsn"]}
        with serving(metrics_open="true", **stores) as url:
            assert "modepulse_ready" in scrape(f"{url}/metrics")
            assert httpx2.get(f"{url}/areas").status_code == 401


def test_processes_that_share_a_socket_have_ports_of_their_own(stack: Stack) -> None:
    """Together they have counted each request once, whichever of them answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as processes:
        ports = [unused_port(), unused_port()]
        stores = {"MODEPULSE_REDIS_URL": stack.run["redis_url"], "MODEPULSE_POSTGRES_DSN": stack.run["postgres_dsn"]}
        for port in ports:
            settings = stores | {"MODEPULSE_METRICS_PORT": str(port)}
            descriptor = listener.fileno()
            processes.enter_context(command("serve", settings, "--fd", str(descriptor), fds=(descriptor,)))
        addresses = [f"http://127.0.0.1:{port}/metrics" for port in ports]
        eventually(lambda: all(reachable(address) for address in addresses), 30)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for number in range(40):
            httpx2.post(f"{url}/events", json=event("metrics-shared", f"u{number}")).raise_for_status()
        assert httpx2.get(f"{url}/metrics").status_code == 404
        labels = {"method": "POST", "route": "/events", "status": "200"}
        assert sum(value(scrape(address), "modepulse_http_requests_total", **labels) for address in addresses) == 40
        counted = [
            value(scrape(address), "modepulse_events_total", kind="LOGIN", outcome="applied") for address in addresses
        ]
        assert sum(counted) == 40


def test_an_archiver_that_stands_by_has_done_nothing(stack: Stack) -> None:
    port = unused_port()
    stores = {"MODEPULSE_REDIS_URL": stack.run["redis_url"], "MODEPULSE_POSTGRES_DSN": stack.run["postgres_dsn"]}
    with command("archive", stores | {"MODEPULSE_ARCHIVER_METRICS_PORT": str(port)}):
        other = eventually(lambda: reachable(f"http://127.0.0.1:{port}/metrics"))
        assert value(other, "modepulse_archiver_leads") == 0
        assert "modepulse_archiver_job_last_success_timestamp_seconds" not in other
    assert value(figures(stack, "archiver"), "modepulse_archiver_leads") == 1


def test_a_port_that_is_taken_is_tried_again_and_nothing_waits_for_it(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stores = {"redis_url": stack.run["redis_url"], "postgres_dsn": stack.run["postgres_dsn"]}
        with serving(metrics_port=str(port), **stores) as url:
            assert httpx2.get(f"{url}/readyz").status_code == 200
            taken.close()
            eventually(lambda: reachable(f"http://127.0.0.1:{port}/metrics"))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /metrics/?name=1 HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /metricsx HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\0\xff\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"x" * 1_000_000, 431),
    ],
)
def test_own_port_answers_whatever_is_sent(stack: Stack, sent: bytes, status: int) -> None:
    port = httpx2.URL(stack.run["metrics"]["archiver"]).port
    assert port
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
    assert len(body) == (0 if sent.startswith(b"HEAD") else length)
    assert figures(stack, "archiver")


def test_connections_that_ask_nothing_keep_nobody_out_for_long(stack: Stack) -> None:
    port = httpx2.URL(stack.run["metrics"]["archiver"]).port
    assert port
    with ExitStack() as connections:
        for _ in range(60):
            connections.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        eventually(lambda: reachable(stack.run["metrics"]["archiver"]))
