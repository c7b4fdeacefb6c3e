"""Logging in on the page: once, accessibly, as good as the key."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.api_keys import Key, make_key
from tests.browser.conftest import Window, axe_violations, no_sideways_scrolling
from tests.conftest import BINARIES
from tests.http_client import event
from tests.servers import Stack, eventually

NAME = "studio <b>dashboard</b>"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With keys on."""
    directory = tmp_path_factory.mktemp("locked") / "data"
    # Tests log in until a new key is known: as many wrong keys as they like are let pass.
    with Stack(directory, redis_server=str(BINARIES["valkey"]), wrong_keys_per_minute="1000000") as stack:
        make_key(stack, "first", "ingest")
        eventually(lambda: httpx2.get(stack.url + "/stats?area_code=1").status_code == 401)
        yield stack


@pytest.fixture
def reader(locked: Stack) -> Key:
    return known_key(locked, NAME, "read", "audit")


def known_key(locked: Stack, name: str, *scopes: str) -> Key:
    key = make_key(locked, name, *scopes)
    eventually(lambda: httpx2.post(locked.url + "/login", json={"key": key.text}).status_code != 401)
    return key


def log_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def post(locked: Stack, *items: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {locked.admin_token}"}
    httpx2.post(locked.url + "/events", json=list(items), headers=headers).raise_for_status()


def test_page_asks_for_a_key_once_and_stays_where_it_was(locked: Stack, reader: Key, window: Window, area: str) -> None:
    post(locked, event(area, "ann"))
    page = window.open(f"{locked.url}/?area_code={area}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.locator("#status")).to_have_text("Key needed")
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    page.keyboard.type(f" {reader.text} ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {area}")
    expect(page.locator("#status")).to_have_text("Live")
    expect(page.locator("#key-name")).to_have_text(NAME)
    expect(page.locator(".modes li")).to_have_count(1)
    # The stream goes by the cookie, too.
    post(locked, event(area, "bob", mode="co_op"))
    expect(page.locator(".modes li")).to_have_count(2)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {area}")
    expect(page.locator("#status")).to_have_text("Live")
    expect(page.locator("#key-name")).to_have_text(NAME)
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert reader.text not in page.content()


def test_wrong_key_is_refused_and_another_can_be_tried(locked: Stack, reader: Key, window: Window) -> None:
    ingest = known_key(locked, "game", "ingest")
    page = window.open(locked.url)
    for key, why in (
        ("mp_read_wrong", "The key is not valid."),
        (ingest.text, "This needs a key with the scope read."),
    ):
        log_in(page, key)
        expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()
        expect(page.get_by_label("API key")).to_be_focused()
        expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")
    assert not axe_violations(page)
    log_in(page, reader.text)
    expect(page.locator("#status")).to_have_text("Live")
    window.forgive("401")
    window.forgive("403")


def test_logging_out_shows_the_form_and_nothing_else(locked: Stack, reader: Key, window: Window, area: str) -> None:
    page = window.open(f"{locked.url}/?area_code={area}")
    log_in(page, reader.text)
    expect(page.locator("#status")).to_have_text("Live")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(page.locator("#key-name")).to_be_empty()
    expect(page.locator("main section")).to_have_count(1)
    assert not page.context.cookies()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    # Another address is shown after the next login.
    page.get_by_label("Area or user to show").fill("elsewhere")
    page.keyboard.press("Enter")
    log_in(page, reader.text)
    expect(page.get_by_role("heading", level=1)).to_have_text("Area elsewhere")


def test_revoked_key_brings_the_form_back_while_the_page_is_open(
    locked: Stack, reader: Key, window: Window, area: str
) -> None:
    key = known_key(locked, "soon revoked", "read", "audit")
    page = window.open(f"{locked.url}/?area_code={area}")
    log_in(page, key.text)
    expect(page.locator("#status")).to_have_text("Live")
    key.revoke()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in", timeout=6000)
    expect(page.locator("#banner")).to_be_hidden()
    assert page.url == f"{locked.url}/?area_code={area}"
    log_in(page, reader.text)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Area {area}")
    expect(page.locator("#status")).to_have_text("Live")
    window.forgive("401")


def test_key_for_live_counters_alone(locked: Stack, window: Window, area: str) -> None:
    key = known_key(locked, "live only", "read")
    page = window.open(f"{locked.url}/?area_code={area}")
    log_in(page, key.text)
    expect(page.locator("#status")).to_have_text("Live")
    expect(page.get_by_text("This needs a key with the scope audit.")).to_be_visible()
    page.goto(f"{locked.url}/?user_id=ann")
    expect(page.locator("#banner")).to_have_text("This needs a key with the scope audit")
    expect(page.locator("#key-name")).to_have_text("live only")
    window.forgive("403")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_anybody_can_log_in(locked: Stack, reader: Key, window: Window, scheme: Any, width: int) -> None:
    page = window.open(locked.url, scheme, width)
    expect(page.get_by_label("API key")).to_be_visible()
    assert not axe_violations(page)
    no_sideways_scrolling(page)
    log_in(page, reader.text)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Live")
    assert not axe_violations(page)
    no_sideways_scrolling(page)


def test_page_without_keys_does_not_speak_of_them(stack: Stack, window: Window) -> None:
    page = window.open(stack.url)
    expect(page.locator("#status")).to_have_text("Live")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(page.get_by_label("API key")).to_have_count(0)
