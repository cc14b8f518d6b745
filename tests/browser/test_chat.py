"""The chat before the platform itself."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, sign_in
from tests.e2e.conftest import Platform


def visit(open_browser: Callable[..., BrowserContext], stack: Platform, **given: object) -> Page:
    page = open_browser(**given).new_page()
    sign_in(page, **stack.access["admin"], wanted="/chat/")
    page.wait_for_selector(".karez .composer")
    return page


def test_a_question_is_answered_with_a_source_that_opens(
    open_browser: Callable[..., BrowserContext], stack: Platform
) -> None:
    page = visit(open_browser, stack)
    page.locator(".example").first.click()
    page.locator(".sources").wait_for(timeout=60_000)
    expect(page).to_have_url(re.compile(r"/chat/\?c="))
    assert_accessible(page)
    page.locator(".source").first.click()
    expect(page.locator(".panel .cited mark")).to_be_visible()
    expect(page.locator(".page-button.loaded img")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="有帮助", exact=True).click()
    expect(page.locator(".toast")).to_have_text("谢谢您的反馈")
    page.reload()
    expect(page.get_by_role("button", name="有帮助", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="重新回答").click()
    page.locator(".answer .actions").wait_for(timeout=60_000)
    expect(page.locator(".answer")).to_have_count(1)


def test_a_file_of_the_conversation_is_asked_about(
    open_browser: Callable[..., BrowserContext], stack: Platform
) -> None:
    page = visit(open_browser, stack)
    text = "来访登记办法。第三条 访客应当在东门登记，登记有效期为 7 天。".encode()
    page.locator("input[type=file]").set_input_files(
        [{"name": "来访.txt", "mimeType": "text/plain", "buffer": text}]
    )
    page.fill("#question", "访客在哪个门登记？")
    page.keyboard.press("Enter")
    page.locator(".answer .actions").wait_for(timeout=90_000)
    expect(page.locator(".file-state")).to_have_text("可以提问")
    expect(page.locator(".source-title").first).to_contain_text("来访")
