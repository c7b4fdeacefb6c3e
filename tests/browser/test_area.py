"""The page of one area: its modes, its latest events and its history."""

import re
import time

import httpx2
from playwright.sync_api import expect

from tests.browser.conftest import SOON, Window, reaches
from tests.http_client import log_ins, post
from tests.servers import Stack, eventually


def test_area_by_its_address(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 4), *log_ins(area, "co_op", 1))
    page = window.open(f"{stack.url}/?area_code={area}", clock=True)
    expect(page).to_have_title(f"Area {area} · Modepulse")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {area}")
    bars = page.locator(".modes li")
    expect(bars).to_have_count(2)
    expect(bars.nth(0)).to_contain_text("duel")
    expect(bars.nth(0)).to_contain_text("80%")
    reaches(page, '[data-mode="co_op"]', 0.2, 0.3)
    post(http, *log_ins(area, "co_op", 2, first=1))
    reaches(page, '[data-mode="co_op"]', 0.7, 0.8)
    post(http, *log_ins(area, "co_op", 7, first=3))
    page.wait_for_function("() => document.querySelector('.modes li').dataset.mode === 'co_op'", timeout=SOON)
    expect(page.locator(".tile", has_text="Most played")).to_contain_text("co_op")
    # What the archive knows a moment later.
    latest = page.get_by_role("region", name="Latest events")
    expect(latest.locator("tbody tr")).to_have_count(14)
    expect(latest).to_contain_text(f"co_op-9@{area}")
    page.clock.fast_forward(15_000)  # then the history is read again
    expect(page.locator(".peak")).to_contain_text("in co_op")
    expect(page.locator(".chart canvas")).to_be_visible()


def test_history_of_an_hour_a_day_a_week(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    now = time.time()
    post(http, *({**log_in, "epoch_timestamp": now - 600} for log_in in log_ins(area, "duel", 3)))
    eventually(lambda: http.get("/history", params={"area_code": area}).json()["series"])
    page = window.open(f"{stack.url}/?area_code={area}")
    expect(page.locator(".peak")).to_contain_text("3 in duel")
    for name, step in (("Day", 900), ("Week", 3600)):
        with page.expect_request(re.compile(f"step={step}.*peak")):
            page.get_by_label(name).check(force=True)
        expect(page.locator(".peak")).to_contain_text("3 in duel")
        expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator(".chart")).to_have_attribute("aria-label", "Players over time: duel, peak 3")


def test_the_lines_are_named_where_the_pointer_is(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    now = time.time()
    post(http, *({**log_in, "epoch_timestamp": now - 840} for log_in in log_ins(area, "duel", 3)))
    eventually(lambda: http.get("/history", params={"area_code": area}).json()["series"])
    page = window.open(f"{stack.url}/?area_code={area}")
    place = page.locator(".chart .u-over")
    place.hover(position={"x": 5, "y": 50})
    expect(page.locator(".readout")).to_contain_text("duel 0")
    width = place.bounding_box()
    assert width is not None
    place.hover(position={"x": width["width"] - 5, "y": 50})
    expect(page.locator(".readout")).to_contain_text("duel 3")


def test_many_modes_are_shown_when_asked_for(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    for mode in range(25):
        post(http, *log_ins(area, f"mode_{mode}", 30 - mode))
    page = window.open(f"{stack.url}/?area_code={area}")
    bars = page.locator(".modes li")
    expect(bars).to_have_count(20)
    expect(bars.last).to_contain_text("mode_19")
    page.get_by_role("button", name="Show all 25 modes").click()
    expect(bars).to_have_count(25)
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()
