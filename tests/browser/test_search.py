"""The palette, by keyboard alone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import assert_accessible


def test_the_palette(admin: Page) -> None:
    admin.keyboard.press("Control+k")
    palette = admin.locator("#palette")
    expect(palette.get_by_role("link", name="审计", exact=True)).to_be_visible()
    admin.keyboard.type("贷款")
    expect(palette.get_by_role("heading", name="页面")).to_have_count(0)
    admin.keyboard.press("Control+a")
    admin.keyboard.type("知识库")
    expect(palette.locator(".palette__hit").first).to_contain_text("知识库")
    assert_accessible(admin)
    until_quiet(admin)
    admin.keyboard.press("ArrowDown")
    admin.keyboard.press("Enter")
    expect(admin).to_have_url(re.compile("/knowledge/"))
    admin.wait_for_load_state("networkidle")
    admin.keyboard.press("/")
    expect(palette).to_be_visible()
    admin.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    admin.keyboard.press("/")
    admin.wait_for_load_state("networkidle")
    palette.locator("input").evaluate("(field) => { field.value = '贷款'; }")
    admin.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(palette.locator("input")).to_have_value("贷款")
    until_quiet(admin)


def until_quiet(page: Page) -> None:
    """A request that is cut off with its page is an error in the browser's console. Each letter asks, a moment later."""
    page.wait_for_timeout(500)
    expect(page.locator(".htmx-request")).to_have_count(0)
