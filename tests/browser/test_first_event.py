"""A page without any event says how to send the first one, on a developer's machine."""

import subprocess

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window, axe_violations, no_sideways_scrolling
from tests.servers import Stack, eventually, modepulse, serving

NOBODY = "Nobody is playing right now"


def commands(page: Page) -> list[str]:
    expect(page.get_by_role("heading", name=NOBODY)).to_be_visible()
    return page.locator(".command pre").all_text_contents()


def test_copied_command_sends_the_first_event(own_stack: Stack, window: Window) -> None:
    page = window.open(own_stack.url, clock=False)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first, _ = commands(page)
    expect(page.locator(".command button").first).to_have_text("Copy")
    page.locator(".command button").first.click()
    expect(page.locator(".command button").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == first
    done = subprocess.run(first, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == '{"status":true,"accepted":1,"applied":1}'
    expect(page.locator('[data-area="111"]')).to_contain_text("duel")
    expect(page.locator(".command")).to_have_count(0)


def test_simulate_is_led_to_this_service(own_stack: Stack, window: Window) -> None:
    _, play = commands(window.open(own_stack.url))
    assert play == f"modepulse simulate --url {own_stack.url}"
    done = modepulse(*play.split()[1:], "--duration", "0.2")
    assert done.returncode == 0


def test_where_the_clipboard_is_not_to_be_had_the_command_is_selected(own_stack: Stack, window: Window) -> None:
    page = window.open(own_stack.url)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    first, _ = commands(page)
    page.locator(".command button").first.click()
    expect(page.locator(".command button").first).to_contain_text("Selected")
    assert page.evaluate("getSelection().toString()") == first


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_commands_are_accessible_and_fit(own_stack: Stack, window: Window, width: int, scheme: str) -> None:
    page = window.open(own_stack.url, scheme="dark" if scheme == "dark" else "light", width=width)
    assert commands(page)
    assert not axe_violations(page)
    no_sideways_scrolling(page)


@pytest.fixture
def key(own_stack: Stack) -> str:
    """The stack's only one, which may read and post."""
    arguments = ["--scope", "read", "--scope", "ingest", "--data-dir", str(own_stack.directory)]
    made = modepulse("keys", "create", "x", *arguments)
    eventually(lambda: httpx2.get(f"{own_stack.url}/areas").status_code == 401)
    return made.stdout.strip()


def test_where_keys_are_on_the_command_says_where_one_goes(own_stack: Stack, window: Window, key: str) -> None:
    page = window.open(own_stack.url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    first, play = commands(page)
    expect(page.get_by_text("modepulse keys create NAME --scope ingest")).to_be_visible()
    done = subprocess.run(first.replace("YOUR_KEY", key), shell=True, capture_output=True, text=True, check=True)
    assert '"accepted":1' in done.stdout
    assert play.startswith("MODEPULSE_API_KEY=YOUR_KEY modepulse simulate")
    page.reload()
    expect(page.locator('[data-area="111"]')).to_be_visible()
    window.forgive("401")


def test_service_in_production_says_nothing_of_it(own_stack: Stack, window: Window) -> None:
    stores = {"redis_url": own_stack.run["redis_url"], "postgres_dsn": own_stack.run["postgres_dsn"]}
    with serving(**stores) as url:
        page = window.open(url)
        assert commands(page) == []
        expect(page.get_by_text("updates by itself")).to_be_visible()
        page.close()
