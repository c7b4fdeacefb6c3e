"""The page's overview of all areas."""

import re

import httpx2
from playwright.sync_api import expect

from tests.browser.conftest import SOON, Window, axe_violations, reaches
from tests.http_client import event, log_ins, post
from tests.servers import Stack, eventually


def test_overview_moves_without_a_reload(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    other = f"{area}-other"
    post(http, *log_ins(area, "duel", 400), *log_ins(other, "co_op", 40))
    page = window.open(stack.url)
    expect(page.locator("#status")).to_have_text("Live")
    row = page.locator(f'[data-area="{other}"]')
    expect(row).to_contain_text("co_op")
    expect(row.locator(".count")).to_have_text("40 players")
    page.evaluate("window.sameDocument = true")
    reaches(page, f'[data-area="{other}"]', 0, 0.15)
    post(http, *log_ins(other, "duel", 200))
    reaches(page, f'[data-area="{other}"]', 0.2, 0.65)
    expect(row.locator(".count")).to_have_text("240 players", timeout=SOON)
    expect(row.locator(".mode")).to_have_text("duel", timeout=SOON)
    post(http, *log_ins(other, "duel", 300, first=200))
    page.wait_for_function("area => document.querySelector('.areas li').dataset.area === area", arg=other, timeout=SOON)
    assert page.evaluate("window.sameDocument")


def test_totals_events_a_second_and_lag_are_shown(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    page = window.open(stack.url)
    post(http, *log_ins(area, "duel", 50))
    expect(page.locator(".tile", has_text="Events per second").locator("dd")).to_have_text(re.compile("[1-9]"))
    # An answer about all areas is a moment old, here as there.
    players = page.locator(".tile", has_text="Players now").locator("dd")
    eventually(lambda: players.text_content() == f"{http.get('/areas').json()['players']:,}")
    expect(page.locator(".tile", has_text="Archive lag").locator("dd")).to_have_text("0.0 s")


def test_links_have_addresses_and_back_goes_back(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 600))
    page = window.open(stack.url)
    page.locator(f'[data-area="{area}"] a').click()
    expect(page).to_have_url(f"{stack.url}/?area_code={area}")
    expect(page.locator(".modes li")).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(f"{stack.url}/")
    expect(page.locator(f'[data-area="{area}"]')).to_be_visible()


def test_focus_stays_on_a_row_that_moves(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 700), *log_ins(f"{area}-b", "duel", 701))
    page = window.open(stack.url)
    page.locator(f'[data-area="{area}"] a').focus()
    post(http, *log_ins(area, "duel", 2, first=700))
    page.wait_for_function(
        "area => document.querySelector(`[data-area=\"${area}\"]`).nextSibling?.dataset.area === area + '-b'", arg=area
    )
    expect(page.locator(f'[data-area="{area}"] a')).to_be_focused()


def test_nobody_plays(own_stack: Stack, window: Window) -> None:
    page = window.open(own_stack.url)
    expect(page.get_by_role("heading", name="Nobody is playing right now")).to_be_visible()
    assert not axe_violations(page)
    with httpx2.Client(base_url=own_stack.url) as http:
        post(http, event(111))
    expect(page.locator('[data-area="111"]')).to_be_visible(timeout=SOON)
    expect(page.get_by_role("heading", name="Nobody is playing right now")).to_be_hidden()
    page = window.open(f"{own_stack.url}/?area_code=nowhere")
    expect(page.get_by_text("Nobody is playing in area nowhere right now.")).to_be_visible()
    expect(page.get_by_text("Nobody played here in this period.")).to_be_visible()
    expect(page.get_by_text("No events in the archive yet.")).to_be_visible()
    page = window.open(f"{own_stack.url}/?user_id=nobody")
    expect(page.get_by_text("nobody is not playing right now.")).to_be_visible()
    expect(page.get_by_text("No sessions in the archive.")).to_be_visible()
