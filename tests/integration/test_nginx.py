"""The service behind nginx, by the recipe that operators copy."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import httpx2
import pytest

from tests.conftest import BINARIES
from tests.http_client import event
from tests.nginx import NGINX, Nginx, nginx
from tests.ports import unused_port
from tests.postgres import query
from tests.servers import Stack, eventually
from tests.sse_client import Listening

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (on Debian: apt-get install nginx); .ci/run installs it"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(
        tmp_path_factory.mktemp("nginx") / "data",
        redis_server=str(BINARIES["valkey"]),
        trusted_proxies="127.0.0.1",
        allow_anonymous="true",
        root_path="/modepulse",
    ) as stack:
        yield stack


@pytest.fixture(scope="module", params=["/", "/modepulse/"], ids=["root", "prefix"])
def proxy(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """At the root, where nothing of a path is to be known, and below one."""
    with nginx(tmp_path_factory.mktemp("proxy"), [stack.port], request.param) as server:
        yield server


@pytest.fixture
def client(proxy: Nginx) -> Iterator[httpx2.Client]:
    with proxy.client() as client:
        yield client


def test_posts_and_reads(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    body = json.dumps([event(area, f"u{n}") for n in range(500)]).encode()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    posted = client.post(f"{proxy.url}/events", content=gzip.compress(body), headers=headers)
    assert posted.json() == {"status": True, "accepted": 500, "applied": 500}
    read = client.get(f"{proxy.url}/stats?area_code={area}")
    assert read.json() == {str(area): [{"multiplayer_mode": "duel", "count": 500}]}
    assert read.headers["strict-transport-security"] == "max-age=31536000"
    assert client.get(f"{proxy.url}/").headers["content-type"].startswith("text/html")


def test_a_keyed_post_is_counted_once(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    for _ in range(2):
        answer = client.post(f"{proxy.url}/events", json=event(area), headers={"Idempotency-Key": f"k{area}"})
        assert answer.json() == {"status": True, "accepted": 1, "applied": 1}


def test_http_2(proxy: Nginx, area: int) -> None:
    command = ["curl", "-s", "--http2", "--cacert", str(proxy.certificate), "-w", " %{http_version}"]
    done = subprocess.run([*command, f"{proxy.url}/stats?area_code={area}"], capture_output=True, text=True, timeout=30)
    assert done.stdout == f'{{"{area}":[]}} 2'


def test_names_with_slashes_arrive_as_they_were_sent(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    user = f"a/b%2F ü//../{area}"
    client.post(f"{proxy.url}/events", json=event(area) | {"user_id": user}).raise_for_status()
    read = client.get(f"{proxy.url}/users/{quote(user, safe='')}/sessions")
    assert read.json()["user_id"] == user
    assert len(read.json()["sessions"]) == 1


def test_every_refusal_is_a_problem_document(proxy: Nginx, client: httpx2.Client, tmp_path: Path) -> None:
    with nginx(tmp_path, [unused_port()]) as alone, alone.client() as other:
        for answer, status in (
            (client.post(f"{proxy.url}/events", content=b"[]" * 5 * 1024 * 1024), 413),
            (client.post(f"{proxy.url}/events", content=b"[}"), 400),
            (client.get(f"{proxy.url}/nothing"), 404),
            (client.put(f"{proxy.url}/events"), 405),
            (other.post(f"{alone.url}/events", content=b"[]"), 503),
        ):
            assert answer.status_code == answer.json()["status"] == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]
            assert answer.json()["errors"] is not None


def test_connections_of_one_address_are_limited(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    with ExitStack() as listeners:
        for _ in range(128):
            listeners.enter_context(client.stream("GET", f"{proxy.url}/stats/stream?area_code={area}"))
        refused = client.get(f"{proxy.url}/stats?area_code={area}")
        assert refused.status_code == refused.json()["status"] == 429
        with proxy.client("127.0.0.9") as other:
            other.get(f"{proxy.url}/stats?area_code={area}").raise_for_status()


def test_changes_are_streamed_at_once(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    with client.stream("GET", f"{proxy.url}/stats/stream?area_code={area}", timeout=10) as response:
        listener = Listening(response)
        listener.until(**{str(area): []})
        with proxy.client() as other:
            other.post(f"{proxy.url}/events", json=event(area)).raise_for_status()
        listener.until(**{str(area): [{"multiplayer_mode": "duel", "count": 1}]})


def test_the_clients_address_is_believed_from_the_proxy_alone(stack: Stack, proxy: Nginx, area: int) -> None:
    seen = "SELECT address FROM access_log WHERE subject = access_subject($1)"
    for source, claimed in (("127.0.0.2", "203.0.113.9"), ("127.0.0.3", "127.0.0.1, 203.0.113.9")):
        user = f"{source}@{area}{proxy.port}"
        with proxy.client(source) as client:
            client.get(f"{proxy.url}/users/{user}/sessions", headers={"X-Forwarded-For": claimed}).raise_for_status()
        (row,) = eventually(lambda user: query(stack, seen, user), user=user)
        assert row["address"] == source


def test_no_name_of_a_user_is_in_the_proxys_logs(proxy: Nginx, client: httpx2.Client, area: int) -> None:
    ann = f"ann{area}"
    client.get(f"{proxy.url}/users/{ann}/sessions").raise_for_status()
    client.get(f"{proxy.url}/events?user_id={ann}").raise_for_status()
    client.post(f"{proxy.url}/events", content=b"x" * 10 * 1024 * 1024, headers={"X-Request": ann})
    lines = eventually(lambda: " 413 " in proxy.logs() and proxy.logs())
    assert "127.0.0.1 GET 200" in lines
    assert ann not in lines


def test_without_tls_only_the_page_is_redirected(proxy: Nginx) -> None:
    path = proxy.url.removeprefix(f"https://localhost:{proxy.port}")
    plain = f"http://127.0.0.1:{proxy.plain_port}{path}"
    page = httpx2.get(f"{plain}/")
    assert page.status_code == 301
    assert page.headers["location"].startswith("https://")
    assert httpx2.get(f"{plain}/stats?area_code=1").status_code == 403
    assert httpx2.post(f"{plain}/events", json=event(1)).status_code == 403


class Refusing(ThreadingHTTPServer):
    """Answers 503 to everything, in the service's words."""

    asked: int = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _refuse(self) -> None:
        assert isinstance(self.server, Refusing)
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(503)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_DELETE = _refuse

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def refusing() -> Iterator[Refusing]:
    with Refusing(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("method", "headers", "tries"),
    [
        ("GET", {}, 2),
        ("DELETE", {}, 2),
        ("POST", {}, 1),
        ("POST", {"Idempotency-Key": ""}, 1),
        ("POST", {"Idempotency-Key": "k1"}, 2),
    ],
)
def test_a_503_is_tried_elsewhere_where_that_is_safe(
    tmp_path: Path, method: str, headers: dict[str, str], tries: int
) -> None:
    with ExitStack() as stack:
        services = [stack.enter_context(refusing()) for _ in range(3)]
        server = stack.enter_context(nginx(tmp_path, [service.port for service in services]))
        client = stack.enter_context(server.client())
        content = b"[]" if method == "POST" else None
        for repeats in range(1, 6):
            answer = client.request(method, f"{server.url}/events", headers=headers, content=content)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert sum(service.asked for service in services) == tries * repeats
