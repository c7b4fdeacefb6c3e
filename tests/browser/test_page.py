"""The page, as those who look at it see it."""

import re
import signal
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window, axe_violations, no_sideways_scrolling
from tests.http_client import event, post
from tests.servers import Stack, eventually

# How soon a change is to be seen, ms.
SOON = 1000


def log_ins(area: str, mode: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    return [event(area, f"{mode}-{n}", mode=mode) for n in range(first, first + count)]


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


def test_overview_moves_without_a_reload(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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


def test_totals_events_a_second_and_lag_are_shown(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
    page = window.open(stack.url)
    post(http, *log_ins(area, "duel", 50))
    expect(page.locator(".tile", has_text="Events per second").locator("dd")).to_have_text(re.compile("[1-9]"))
    # An answer about all areas is a moment old, here as there.
    players = page.locator(".tile", has_text="Players now").locator("dd")
    eventually(lambda: players.text_content() == f"{http.get('/areas').json()['players']:,}")
    expect(page.locator(".tile", has_text="Archive lag").locator("dd")).to_have_text("0.0 s")


def test_area_by_its_address(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 4), *log_ins(area, "co_op", 1))
    page = window.open(f"{stack.url}/?area_code={area}")
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
    expect(page.locator(".peak")).to_contain_text("in co_op", timeout=20_000)
    expect(page.locator(".chart canvas")).to_be_visible()


def test_history_of_an_hour_a_day_a_week(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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


def test_what_the_lines_are_is_told_where_the_pointer_is(
    stack: Stack, http: httpx.Client, window: Window, area: str
) -> None:
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


def test_many_modes_are_shown_when_asked_for(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
    for mode in range(25):
        post(http, *log_ins(area, f"mode_{mode}", 30 - mode))
    page = window.open(f"{stack.url}/?area_code={area}")
    bars = page.locator(".modes li")
    expect(bars).to_have_count(20)
    expect(bars.last).to_contain_text("mode_19")
    page.get_by_role("button", name="Show all 25 modes").click()
    expect(bars).to_have_count(25)
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()


def test_links_have_addresses_and_back_goes_back(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 600))
    page = window.open(stack.url)
    page.locator(f'[data-area="{area}"] a').click()
    expect(page).to_have_url(f"{stack.url}/?area_code={area}")
    expect(page.locator(".modes li")).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(f"{stack.url}/")
    expect(page.locator(f'[data-area="{area}"]')).to_be_visible()


def test_search_by_keyboard_for_an_area_and_a_user(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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


def test_focus_stays_on_a_row_that_moves(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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
    with httpx.Client(base_url=own_stack.url) as http:
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


def test_disconnected_and_live_again(own_stack: Stack, window: Window) -> None:
    with httpx.Client(base_url=own_stack.url) as http:
        post(http, event(111))
    pages = [window.open(own_stack.url), window.open(f"{own_stack.url}/?area_code=111")]
    for page in pages:
        expect(page.locator("#status")).to_have_text("Live")
    latest = pages[1].locator("[aria-label='Latest events'] tbody tr")
    expect(latest).to_have_count(1)
    own_stack.kill("api")  # and it is started again
    for page in pages:
        page.wait_for_function("() => document.querySelector('#status').textContent === 'Disconnected'")
    for page in pages:
        expect(page.locator("#status")).to_have_text("Live")
    own_stack.stop()
    for page in pages:
        expect(page.locator("#status")).to_have_text("Disconnected")
        expect(page.get_by_role("alert")).to_contain_text("The connection to the service is lost. What you see is from")
        assert not axe_violations(page)
    # What was there stays; what is asked for meanwhile comes later, and nothing but the banner complains.
    with pages[1].expect_event("requestfailed", lambda request: "step=3600" in request.url):
        pages[1].get_by_label("Week").check(force=True)
    expect(pages[1].get_by_role("alert")).to_have_count(1)
    expect(latest).to_have_count(1)
    with pages[1].expect_response(lambda response: "step=3600" in response.url, timeout=40_000):
        own_stack.start()
    for page in pages:
        expect(page.locator("#status")).to_have_text("Live", timeout=20_000)
        expect(page.get_by_role("alert")).to_be_hidden()
    with httpx.Client(base_url=own_stack.url) as http:
        post(http, event(111, "u2"))
    expect(pages[0].locator('[data-area="111"] .count')).to_have_text("2 players", timeout=SOON)
    expect(pages[1].locator('[data-mode="duel"] .count')).to_have_text("2", timeout=SOON)
    # What the browser itself notes about requests that found nobody.
    window.forgive("net::ERR_")


def test_what_is_not_answered_is_asked_again(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 2))
    eventually(lambda: http.get("/events", params={"area_code": area}).json()["items"])
    eventually(lambda: http.get("/history", params={"area_code": area}).json()["series"])
    for address, sections in (
        (f"area_code={area}", ("Latest events", "Peaks")),
        (f"user_id=duel-0@{area}", ("Sessions",)),
    ):
        page = window.open("about:blank")
        page.route("**/events?*", lambda route: route.abort())
        page.route("**/history?*", lambda route: route.abort())
        with page.expect_event("requestfailed"):
            page.goto(f"{stack.url}/?{address}")
        expect(page.locator("#status")).to_have_text("Live")
        expect(page.locator(".loading")).to_have_count(len(sections))
        expect(page.locator(".failure")).to_have_count(0)
        page.unroute_all()
        for section in sections:
            expect(page.locator(f"[aria-label='{section}'] tbody tr").first).to_be_visible()
    window.forgive("net::ERR_")


def test_frozen_service_is_noticed(own_stack: Stack, window: Window) -> None:
    """Nothing is heard from it, and no connection breaks."""
    page = window.open(f"{own_stack.url}/?area_code=111")
    expect(page.locator("#status")).to_have_text("Live")
    own_stack.kill("api", signal.SIGSTOP)
    expect(page.locator("#status")).to_have_text("Disconnected", timeout=40_000)
    own_stack.kill("api", signal.SIGCONT)
    expect(page.locator("#status")).to_have_text("Live", timeout=20_000)
    window.forgive("net::ERR_")


def test_lost_redis_is_told(own_stack: Stack, window: Window) -> None:
    page = window.open(own_stack.url)
    expect(page.locator("#status")).to_have_text("Live")
    own_stack.kill("redis", signal.SIGSTOP)
    expect(page.get_by_role("alert")).to_contain_text("Redis cannot be reached")
    late = window.open(own_stack.url)  # its stream is refused
    expect(late.locator("#status")).to_have_text("Disconnected")
    own_stack.kill("redis", signal.SIGCONT)
    for each in (page, late):
        expect(each.locator("#status")).to_have_text("Live", timeout=20_000)
    # The browser notes answers of 503.
    window.forgive("503")


def test_lost_archive_is_told_where_it_is_missed(own_stack: Stack, window: Window) -> None:
    with httpx.Client(base_url=own_stack.url) as http:
        post(http, event(111))
    # Before the API has asked it anything: connections that are open go on.
    own_stack.kill("postgres", signal.SIGSTOP)
    page = window.open(f"{own_stack.url}/?area_code=111")
    expect(page.locator(".modes li")).to_have_count(1)
    section = page.locator("section", has_text="Latest events")
    expect(section.get_by_role("alert")).to_contain_text("archive", timeout=30_000)
    expect(page.locator("#status")).to_have_text("Live")
    assert not axe_violations(page)
    own_stack.kill("postgres", signal.SIGCONT)
    section.get_by_role("button", name="Try again").click()
    expect(section.locator("tbody tr")).to_have_count(1, timeout=30_000)
    # The browser notes answers of 503.
    window.forgive("503")


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


def test_stream_refused_for_now_is_asked_for_again(stack: Stack, window: Window, area: str) -> None:
    """As by a proxy that finds too many requests."""
    page = window.open("about:blank")
    page.route("**/stats/stream?*", lambda route: route.fulfill(status=429, json={"title": "Too many"}))
    page.goto(f"{stack.url}/?area_code={area}")
    expect(page.locator("#status")).to_have_text("Disconnected")
    page.unroute_all()
    expect(page.locator("#status")).to_have_text("Live")
    window.forgive("429")


def test_names_are_text_whatever_they_are(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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
            page = window.open(f"{stack.url}/?{httpx.QueryParams(area_code=name)}", width=width)
            expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {name}")
            expect(page.locator(".modes li")).to_have_count(1)
            no_sideways_scrolling(page)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_first_load_is_small_and_soon_there(stack: Stack, http: httpx.Client, window: Window, area: str) -> None:
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
    stack: Stack, http: httpx.Client, window: Window, area: str, scheme: Any, width: int
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
