"""The page in a real browser, on a service of its own."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import BINARIES
from tests.servers import Stack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
# How soon a change is to be seen, ms.
SOON = 1000
_areas = itertools.count(300_000)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One server is enough here: what Redis says is the same on both."""
    with Stack(tmp_path_factory.mktemp("browser") / "data", redis_server=str(BINARIES["valkey"])) as stack:
        yield stack


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "data", redis_server=str(BINARIES["valkey"])) as stack:
        yield stack


@pytest.fixture
def area() -> str:
    """Nobody else's."""
    return str(next(_areas))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed before other tests: while Playwright runs, this thread has a running event loop."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium); .ci/run installs it")
    with sync_playwright() as playwright:
        # As root, as in CI, there is no sandbox.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Traffic:
    """Messages of the browser's console that report errors, and the addresses that were requested."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Window:
    """Opens pages; `traffic` gathers their errors and requests."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.traffic = Traffic()

    def open(
        self, url: str, scheme: Literal["light", "dark"] = "light", width: int = 1200, clock: bool = False
    ) -> Page:
        """A page in a context of its own; with `clock` its time can be moved on by `page.clock.fast_forward`."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB", timezone_id="UTC"
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        traffic = self.traffic
        page.on("console", lambda message: traffic.errors.extend([message.text] if message.type == "error" else []))
        page.on("pageerror", lambda error: traffic.errors.append(str(error)))
        page.on("request", lambda request: traffic.requests.append(request.url))
        if clock:
            page.clock.install()
        page.goto(url)
        return page

    def forgive(self, part: str) -> None:
        """Drops the errors that hold this text: they were expected."""
        self.traffic.errors = [error for error in self.traffic.errors if part not in error]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Window]:
    """Fails the test when a page had an error or asked another host."""
    window = Window(browser)
    yield window
    window.close()
    assert not window.traffic.errors
    own = ("http://127.0.0.1:", "data:", "blob:")
    assert not [url for url in window.traffic.requests if not url.startswith(own)]


def axe_violations(page: Page) -> list[str]:
    """The violations that axe-core calls serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def reaches(page: Page, bar: str, low: float, high: float) -> None:
    """Waits until the width of a bar is between two parts of its track."""
    page.wait_for_function(
        """([bar, low, high]) => {
            const width = (part) => document.querySelector(`${bar} ${part}`)?.clientWidth;
            const [fill, track] = [width(".fill"), width(".track")];
            return fill >= low * track && fill <= high * track;
        }""",
        arg=[bar, low, high],
        timeout=SOON,
    )
