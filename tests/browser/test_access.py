"""The page for everybody: by keyboard, on a phone, in the dark, with any name, on a slow connection."""

from typing import Any

import httpx2
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SOON, Window, axe_violations, no_sideways_scrolling
from tests.http_client import event, log_ins, post
from tests.servers import Stack, eventually


def test_search_by_keyboard_for_an_area_and_a_user(
    stack: Stack, http: httpx2.Client, window: Window, area: str
) -> None:
    user = f"ann@{area}"
    post(http, event(area, "ann", name="LOGIN", mode="duel"))
    post(http, event(area, "ann", name="LOGOUT", mode="duel"), event(area, "ann", mode="co_op"))
    eventually(lambda: len(http.get(f"/users/{user}/history").json()["sessions"]) == 2)
    page = window.open(stack.url)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.get_by_label("Area or user to show").focus()
    page.keyboard.type(area)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stack.url}/?area_code={area}")
    page.get_by_label("Search for", exact=True).select_option("User")
    page.get_by_label("Area or user to show").fill(user)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"User {user}")
    expect(page.get_by_role("region", name="Playing now").locator("tbody tr")).to_have_count(1)
    sessions = page.get_by_role("region", name="Sessions")
    expect(sessions.locator("tbody tr")).to_have_count(2)
    expect(sessions).to_contain_text("Logged out")
    expect(sessions).to_contain_text("Not yet")
    page.get_by_role("region", name="Playing now").get_by_role("link", name=area).press("Enter")
    expect(page).to_have_url(f"{stack.url}/?area_code={area}")


def test_impossible_name_is_refused(stack: Stack, window: Window) -> None:
    for address, place in (("area_code=a|b", "area_code"), ("user_id=a|b", "user_id")):
        page = window.open(f"{stack.url}/?{address}")
        expect(page.locator("#status")).to_have_text("Error")
        expect(page.locator("#banner")).to_contain_text(f"{place} is 1 to 255 characters")
        expect(page.get_by_text("There is nothing to show.")).to_be_visible()
        expect(page.locator(".loading, section")).to_have_count(0)
        assert not axe_violations(page)
        page.get_by_role("link", name="All areas").click()
        expect(page.locator("#status")).to_have_text("Live")
        expect(page.locator("#banner")).to_be_hidden()
    window.forgive("422")


def test_names_are_text_whatever_they_are(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    names = [f"{area}<img src=x onerror=document.title='bad'>", f"{area}{'W' * 240}", f'{area} & "quoted" \'s ünï ✓?#/']
    for name in names:
        post(http, *({**log_in, "area_code": name} for log_in in log_ins(area, f"<b>{'m' * 200}", 500)))
    for width in (1200, 390):
        page = window.open(stack.url, width=width)
        for name in names:
            expect(page.locator(f".areas .name[title={quoted(name)}]")).to_be_visible()
        assert not page.locator("main img").count()
        no_sideways_scrolling(page)
        for name in names:
            page = window.open(f"{stack.url}/?{httpx2.QueryParams(area_code=name)}", width=width)
            expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {name}")
            expect(page.locator(".modes li")).to_have_count(1)
            no_sideways_scrolling(page)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_first_load_is_small_and_soon_there(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 300))
    sizes: list[int] = []
    for address in ("", f"?area_code={area}"):
        page = window.open("about:blank")
        page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
        page.goto(f"{stack.url}/{address}")
        expect(page.locator(f'[data-area="{area}"], .modes li').first).to_be_visible()
        page.wait_for_load_state("load")
        ready = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
        assert ready < SOON
    # Both views together, so the chart library is among it.
    assert 10_000 < sum(sizes) < 300_000, sizes


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_anybody_can_use_it(
    stack: Stack, http: httpx2.Client, window: Window, area: str, scheme: Any, width: int
) -> None:
    for mode in range(9):
        post(http, *log_ins(area, f"mode_{mode}", 20 - mode))
    eventually(lambda: http.get("/history", params={"area_code": area}).json()["series"])
    user = f"mode_0-1@{area}"
    for address, there in (
        ("", f'[data-area="{area}"]'),
        (f"?area_code={area}", "[aria-label='Latest events'] tbody tr"),
        (f"?user_id={user}", "[aria-label='Sessions'] tbody tr"),
    ):
        page = window.open(f"{stack.url}/{address}", scheme, width)
        expect(page.locator(there).first).to_be_visible()
        if "area_code" in address:
            expect(page.locator(".chart canvas")).to_be_visible()
        assert not axe_violations(page)
        no_sideways_scrolling(page)
        # Names of common length fit, so that no table has to be scrolled either.
        assert page.evaluate("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)")
