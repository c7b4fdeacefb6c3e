"""Pages of other origins, in a browser: what it lets them do, and what the service does."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Window
from tests.browser.prefix_proxy import prefix_proxy
from tests.conftest import BINARIES
from tests.http_client import event, stats
from tests.servers import Stack, eventually

POST_AS_JSON = """([url, body]) => fetch(url, {
    method: "POST", body,
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID(), "X-API-Key": "x" },
}).then(async (answer) => [answer.status, (await answer.json()).applied], () => "blocked")"""
POST_AS_TEXT = """([url, body]) => fetch(url, { method: "POST", mode: "no-cors", body }).then(({ type }) => type)"""
BEACON = """([url, body]) => navigator.sendBeacon(url, new Blob([body], { type: "application/json" }))"""
GET = """([url]) => fetch(url).then((answer) => answer.json(), () => "blocked")"""
LISTEN = """([url]) => new Promise((resolve) => {
    const source = new EventSource(url);
    source.onmessage = ({ data }) => { source.close(); resolve(JSON.parse(data)); };
    source.onerror = () => { source.close(); resolve("blocked"); };
})"""


@pytest.fixture(scope="module")
def service(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Permits the pages of the other stack."""
    directory = tmp_path_factory.mktemp("service") / "data"
    with Stack(directory, redis_server=str(BINARIES["valkey"]), cors_origins=stack.url) as service:
        yield service


@pytest.fixture
def counts(service: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=service.url) as client:
        yield client


def run(page: Page, script: str, service: Stack, path: str, area: str) -> object:
    found: object = page.evaluate(
        script, [service.url + path, httpx2.Request("POST", "/", json=event(area)).read().decode()]
    )
    return found


def test_permitted_page(stack: Stack, service: Stack, counts: httpx2.Client, window: Window, area: str) -> None:
    page = window.open(f"{stack.url}/healthz")  # no policy of its own forbids it to ask
    assert run(page, POST_AS_JSON, service, "/events", area) == [200, 1]
    assert run(page, GET, service, f"/stats?area_code={area}", area) == stats(counts, area)
    assert run(page, LISTEN, service, f"/stats/stream?area_code={area}", area) == stats(counts, area)
    assert run(page, BEACON, service, "/events", area + "0") is True
    eventually(lambda: stats(counts, area + "0")[area + "0"])
    window.forgive("404")  # the icon


def test_other_page(stack: Stack, service: Stack, counts: httpx2.Client, window: Window, area: str) -> None:
    with prefix_proxy(stack.port, "", removes_it=False) as elsewhere:
        page = window.open(f"{elsewhere}/healthz")
        assert run(page, POST_AS_JSON, service, "/events", area) == "blocked"
        assert run(page, POST_AS_TEXT, service, "/events", area) == "opaque"
        assert run(page, GET, service, f"/stats?area_code={area}", area) == "blocked"
        assert run(page, LISTEN, service, f"/stats/stream?area_code={area}", area) == "blocked"
        assert stats(counts, area) == {area: []}
        page.close()
    window.forgive("CORS policy")
    window.forgive("Failed to load resource")
