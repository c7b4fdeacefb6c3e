"""clients/typescript in Chromium, in a page of another origin and in one that is left."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page

from tests.api_keys import make_key
from tests.browser.conftest import Window
from tests.clients.conftest import compiled, tools
from tests.conftest import BINARIES
from tests.http_client import ranking, stats
from tests.servers import Stack, eventually

__all__ = ["compiled", "tools"]


@pytest.fixture(scope="module")
def service(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Permits the pages of the other stack."""
    directory = tmp_path_factory.mktemp("service") / "data"
    with Stack(directory, redis_server=str(BINARIES["valkey"]), cors_origins=stack.url) as service:
        yield service


def page_with_client(window: Window, stack: Stack, compiled: Path) -> Page:
    """A page of the stack's origin, without a policy of its own, whose `Modepulse` is the client."""
    page = window.open(f"{stack.url}/healthz")
    page.route(
        "**/client/*",
        lambda route: route.fulfill(
            path=compiled / route.request.url.rpartition("/")[2], content_type="text/javascript"
        ),
    )
    page.evaluate("import('/client/index.js').then((module) => { globalThis.Modepulse = module.Modepulse; })")
    window.forgive("404")  # the icon
    return page


def test_page_of_another_origin(
    stack: Stack, service: Stack, window: Window, compiled: Path, area: str, http: httpx2.Client
) -> None:
    writing, reading = make_key(service, "games", "ingest"), make_key(service, "pages", "read")
    page = page_with_client(window, stack, compiled)
    seen = page.evaluate(
        """async ([url, write, read, area]) => {
            const game = new Modepulse(url, { key: write });
            game.login("ann", area, "duel");
            const sent = await game.flush(10);
            const board = new Modepulse(url, { key: read });
            const frames = [await board.stats(area)];
            const stream = board.stream(area);
            frames.push((await stream.next()).value);
            game.logout("ann", area, "duel");
            await game.close();
            frames.push((await stream.next()).value);
            await stream.return();
            return [sent, frames];
        }""",
        [service.url, writing.text, reading.text, area],
    )
    assert seen == [True, [{area: ranking(duel=1)}, {area: ranking(duel=1)}, {area: []}]]


def test_what_is_queued_is_sent_when_the_page_is_left(
    stack: Stack, window: Window, compiled: Path, area: str, http: httpx2.Client
) -> None:
    page = page_with_client(window, stack, compiled)
    page.evaluate(
        """([url, area]) => new Modepulse(url, { batchSeconds: 60 }).login("ann", area, "duel")""", [stack.url, area]
    )
    page.goto("about:blank")
    eventually(lambda: stats(http, area)[area] == ranking(duel=1))
