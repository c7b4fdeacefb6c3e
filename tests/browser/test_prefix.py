"""The page below a path that a proxy serves it under."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import expect

from tests.api_keys import make_key
from tests.browser.conftest import Window
from tests.browser.prefix_proxy import prefix_proxy
from tests.conftest import BINARIES
from tests.http_client import event, post
from tests.servers import Stack, eventually

PREFIX = "/modepulse"


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Knows where it is."""
    directory = tmp_path_factory.mktemp("below") / "data"
    with Stack(directory, redis_server=str(BINARIES["valkey"]), root_path=PREFIX) as stack:
        yield stack


@pytest.fixture(params=["knows and path removed", "knows and path kept", "not told and path removed"])
def address(request: pytest.FixtureRequest, stack: Stack, below: Stack) -> Iterator[tuple[str, Stack]]:
    """(the page's address without a slash at its end, the service behind it)"""
    service = stack if "not told" in request.param else below
    with prefix_proxy(service.port, PREFIX, removes_it="removed" in request.param) as url:
        yield url, service


def test_every_view_and_the_stream_work(address: tuple[str, Stack], window: Window, area: str) -> None:
    url, service = address
    with httpx2.Client(base_url=service.url) as http:
        post(http, event(area, "ann"))
        page = window.open(f"{url}/")
        expect(page.locator("#status")).to_have_text("Live")
        page.get_by_role("link", name=area).first.click()
        expect(page).to_have_url(f"{url}/?area_code={area}")
        expect(page.locator(".modes li")).to_have_count(1)
        post(http, event(area, "bob", mode="co_op"))
        expect(page.locator(".modes li")).to_have_count(2)
        page.get_by_role("region", name="Latest events").get_by_role("link").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("User ")
        expect(page.get_by_role("region", name="Sessions").locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="All areas").click()
        expect(page).to_have_url(f"{url}/")
        page.get_by_label("Area or user to show").fill(area)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{url}/?area_code={area}")
    outside = [seen for seen in requests(window) if not seen.startswith((f"{url}/", "data:", "blob:"))]
    assert not outside


def requests(window: Window) -> list[str]:
    """What was asked for, wherever the window notes it."""
    noted = getattr(window, "traffic", None) or window.seen  # type: ignore[attr-defined,unused-ignore]
    return list(noted.requests)


@pytest.mark.parametrize("slash", ["", "/"])
def test_docs_call_the_service(address: tuple[str, Stack], window: Window, slash: str) -> None:
    url, _ = address
    page = window.open(f"{url}/docs{slash}")
    page.locator("#operations-service-getHealth .opblock-summary-control").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


def test_page_without_a_slash_at_its_end(below: Stack, window: Window) -> None:
    with prefix_proxy(below.port, PREFIX, removes_it=False) as url:
        page = window.open(url)
        expect(page.locator("#status")).to_have_text("Live")
        page.close()


def test_session_belongs_to_the_path(below: Stack, window: Window) -> None:
    """Last in this file: from here on the service needs keys."""
    key = make_key(below, "dashboard", "read")
    eventually(lambda: httpx2.get(below.url + "/stats?area_code=1").status_code == 401)
    with prefix_proxy(below.port, PREFIX, removes_it=True) as url:
        page = window.open(f"{url}/")
        page.get_by_label("API key").fill(key.text)
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("Live")
        (cookie,) = page.context.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == (PREFIX, True, "Strict")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert not page.context.cookies()
        page.close()
