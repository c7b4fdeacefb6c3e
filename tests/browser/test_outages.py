"""The page while the service, a store or a single request fails."""

import signal

import httpx2
from playwright.sync_api import expect

from tests.browser.conftest import SOON, Window, axe_violations
from tests.faults.freeze import frozen_postgres
from tests.http_client import event, log_ins, post
from tests.servers import Stack, eventually


def test_disconnected_and_live_again(own_stack: Stack, window: Window) -> None:
    with httpx2.Client(base_url=own_stack.url) as http:
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
    with httpx2.Client(base_url=own_stack.url) as http:
        post(http, event(111, "u2"))
    expect(pages[0].locator('[data-area="111"] .count')).to_have_text("2 players", timeout=SOON)
    expect(pages[1].locator('[data-mode="duel"] .count')).to_have_text("2", timeout=SOON)
    # What the browser itself notes about requests that found nobody.
    window.forgive("net::ERR_")


def test_what_is_not_answered_is_asked_again(stack: Stack, http: httpx2.Client, window: Window, area: str) -> None:
    post(http, *log_ins(area, "duel", 2))
    eventually(lambda: http.get("/events", params={"area_code": area}).json()["items"])
    eventually(lambda: http.get("/history", params={"area_code": area}).json()["series"])
    for address, sections in (
        (f"area_code={area}", ("Latest events", "Peaks")),
        (f"user_id=duel-0@{area}", ("Sessions",)),
    ):
        page = window.open("about:blank", clock=True)
        page.route("**/events?*", lambda route: route.abort())
        page.route("**/history?*", lambda route: route.abort())
        with page.expect_event("requestfailed"):
            page.goto(f"{stack.url}/?{address}")
        expect(page.locator("#status")).to_have_text("Live")
        expect(page.locator(".loading")).to_have_count(len(sections))
        expect(page.locator(".failure")).to_have_count(0)
        page.unroute_all()
        page.clock.fast_forward(2000)  # then it is asked again
        for section in sections:
            expect(page.locator(f"[aria-label='{section}'] tbody tr").first).to_be_visible()
    window.forgive("net::ERR_")


def test_frozen_service_is_noticed(own_stack: Stack, window: Window) -> None:
    """Nothing is heard from it, and no connection breaks."""
    page = window.open(f"{own_stack.url}/?area_code=111", clock=True)
    expect(page.locator("#status")).to_have_text("Live")
    own_stack.kill("api", signal.SIGSTOP)
    page.clock.fast_forward(20_000)  # then the page asks GET /healthz, and waits 5 s for it
    expect(page.locator("#status")).to_have_text("Disconnected", timeout=20_000)
    own_stack.kill("api", signal.SIGCONT)
    expect(page.locator("#status")).to_have_text("Live", timeout=20_000)
    window.forgive("net::ERR_")


def test_lost_redis_is_shown(own_stack: Stack, window: Window) -> None:
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


def test_lost_archive_is_shown_where_it_is_missed(own_stack: Stack, window: Window) -> None:
    with httpx2.Client(base_url=own_stack.url) as http:
        post(http, event(111))
    with frozen_postgres(own_stack):
        page = window.open(f"{own_stack.url}/?area_code=111")
        expect(page.locator(".modes li")).to_have_count(1)
        section = page.locator("section", has_text="Latest events")
        expect(section.get_by_role("alert")).to_contain_text("archive", timeout=30_000)
        expect(page.locator("#status")).to_have_text("Live")
        assert not axe_violations(page)
    with httpx2.Client(base_url=own_stack.url, timeout=20) as http:
        eventually(lambda: http.get("/events").status_code == 200 and http.get("/events").json()["items"], 30)
    section.get_by_role("button", name="Try again").click()
    expect(section.locator("tbody tr")).to_have_count(1, timeout=30_000)
    # The browser notes answers of 503.
    window.forgive("503")


def test_stream_refused_for_now_is_asked_for_again(stack: Stack, window: Window, area: str) -> None:
    """As by a proxy that finds too many requests."""
    page = window.open("about:blank")
    page.route("**/stats/stream?*", lambda route: route.fulfill(status=429, json={"title": "Too many"}))
    page.goto(f"{stack.url}/?area_code={area}")
    expect(page.locator("#status")).to_have_text("Disconnected")
    page.unroute_all()
    expect(page.locator("#status")).to_have_text("Live")
    window.forgive("429")
