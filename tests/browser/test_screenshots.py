"""The pictures of the README: the page with a week behind it and players on it."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from modepulse.simulate import World
from tests.browser.conftest import SCREENSHOTS, Window
from tests.http_client import post
from tests.servers import Stack, eventually, modepulse

VIEWS = [("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every picture where they are kept; else two with each scheme and width once."""
    if "scheme" in metafunc.fixturenames:
        views = VIEWS if metafunc.config.getoption("--screenshots") else [VIEWS[0], VIEWS[-1]]
        metafunc.parametrize(("scheme", "width"), views)


@pytest.fixture(scope="module")
def busy_stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Played on for a week and still; with fewer events where the pictures are not kept."""
    with Stack(tmp_path_factory.mktemp("busy") / "data") as stack:
        past_ends = time.time() // 60 * 60
        events = "150000" if request.config.getoption("--screenshots") else "20000"
        past = ["--to-postgres", "--events", events, "--days", "7", "--users", "900", "--areas", "14", "--seed", "7"]
        written = modepulse("simulate", *past, "--data-dir", str(stack.directory))
        assert written.returncode == 0, written.stderr
        # Others go on where it ends, so that no line falls to the ground before the present.
        world = World(7, 900, 14, 900)
        begun = world.events(1000, time.monotonic())
        stamped = [{**event, "epoch_timestamp": past_ends - 0.9 + n / 10_000} for n, event in enumerate(begun)]
        stop = threading.Event()
        with httpx2.Client(base_url=stack.url) as http:
            post(http, *stamped)

            def play() -> None:
                while not stop.wait(0.1):
                    post(http, *world.events(3, time.monotonic()))

            playing = threading.Thread(target=play)
            playing.start()
            try:
                eventually(lambda: http.get("/areas").json()["players"] > 400, 60)
                yield stack
            finally:
                stop.set()
                playing.join()


def test_screenshots(
    busy_stack: Stack, window: Window, scheme: Any, width: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = SCREENSHOTS if request.config.getoption("--screenshots") else tmp_path
    kind = scheme if width > 390 else f"phone-{scheme}"
    page = window.open(busy_stack.url, scheme, width)
    page.wait_for_function("() => document.querySelectorAll('.spark path[d]').length > 10")
    expect(page.locator(".tile", has_text="Events per second").locator("dd")).to_have_text(re.compile("[1-9]"))
    shoot(page, folder / f"overview-{kind}.png")
    page = window.open(f"{busy_stack.url}/?area_code=101", scheme, width)
    expect(page.locator("[aria-label='Latest events'] tbody tr")).to_have_count(15)
    page.get_by_label("Day").check(force=True)
    expect(page.locator(".chart-busy")).to_have_count(0)
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator("[aria-label='Peaks'] tbody tr")).to_have_count(5)
    shoot(page, folder / f"area-{kind}.png")


def shoot(page: Page, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, animations="disabled", full_page=True)
    assert path.stat().st_size > 20_000
