"""The API docs at /docs."""

from typing import Any

import httpx2
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Window, axe_violations, no_sideways_scrolling
from tests.http_client import PATHS
from tests.servers import Stack


def test_docs_can_be_read_and_tried(stack: Stack, window: Window) -> None:
    page = window.open(f"{stack.url}/docs")
    expect(page.locator(".opblock")).to_have_count(sum(map(len, PATHS.values())))
    block = page.locator("#operations-live-getStats")
    block.locator("button.opblock-summary-control").click()
    expect(block.get_by_text("Redis cannot be reached")).to_be_visible()
    block.locator("textarea, input[type=text]").first.wait_for()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    expect(block.locator(".live-responses-table tbody .response-col_description")).to_contain_text('"111": [')


def test_docs_take_events_and_the_token(stack: Stack, http: httpx2.Client, window: Window) -> None:
    page = window.open(f"{stack.url}/docs")
    block = page.locator("#operations-live-postEvents")
    block.locator("button.opblock-summary-control").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text('"accepted": 1')
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").first.fill(stack.admin_token)
    page.locator(".auth-btn-wrapper button.authorize").first.click()
    page.locator(".auth-btn-wrapper button.btn-done").first.click()
    block = page.locator("#operations-users-deleteUser")
    block.locator("button.opblock-summary-control").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text('"status": true', timeout=20_000)
    assert http.get("/users/ann/sessions").json()["sessions"] == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1200)])
def test_anybody_can_use_the_docs(stack: Stack, window: Window, scheme: Any, width: int) -> None:
    page = window.open(f"{stack.url}/docs", scheme, width)
    page.locator("#operations-users-deleteUser button.opblock-summary-control").click()
    for name in ("live-postEvents", "live-getStats"):
        block = page.locator(f"#operations-{name}")
        block.locator("button.opblock-summary-control").click()
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".live-responses-table")).to_be_visible()
    assert not axe_violations(page)
    no_sideways_scrolling(page)
    dark = "rgb(28, 32, 34)"
    assert (page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark) == (scheme == "dark")
