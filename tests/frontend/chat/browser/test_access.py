"""Everybody: axe on every state of the page, the keyboard, phones."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import accessibility
from tests.frontend.chat.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def violations(page: Page) -> list[str]:
    # Until nothing moves any more: half-faded colours would be measured.
    page.wait_for_timeout(400)
    return accessibility.violations(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1440), ("en-US", 390)])
def test_no_state_of_the_page_has_a_violation(visitor: Visit, language: str, width: int, theme: str) -> None:
    me = visitor(language=language, width=width, height=860, theme=theme)
    page = me.page
    me.servers.platform.seed(me.servers.platform.user_named("li"))
    page.reload()
    page.wait_for_selector(".welcome")
    assert violations(page) == []
    me.ask("慢慢说")
    page.locator(".content .block").first.wait_for()
    assert violations(page) == []
    page.locator(".send.stop").click()
    page.locator(".stopped").wait_for()
    for number, text in enumerate(("年假有几天？", "拒答"), start=2):
        me.ask(text)
        me.answered(number)
    me.ask("配额")
    page.locator(".notice.failed").wait_for()
    assert violations(page) == []
    page.locator(".cite").first.click()
    page.locator(".panel .cited").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator(".thumbs button").last.click()
    page.locator(".feedback-form").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    if width < 900:
        page.locator(".rail-open-button").click()
    assert violations(page) == []
    page.locator(".user").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("input[type=file]").set_input_files(
        [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}]
    )
    page.locator(".file").wait_for()
    assert violations(page) == []
    me.servers.platform.sessions.clear()
    me.servers.platform.tokens.clear()
    page.locator(".conversation").nth(1).click()
    page.get_by_role("dialog").wait_for()
    assert violations(page) == []


def test_everything_can_be_reached_by_the_keyboard(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.evaluate("document.querySelector('.skip').focus()")
    seen = {}
    for _ in range(12):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "(e => [(e.className || e.type).split(' ')[0], getComputedStyle(e).outlineStyle])(document.activeElement)"
        )
        seen[name] = outline
    assert {"chooser", "new", "user", "example", "search"} <= set(seen)
    # The frame around a field shows the focus of the field.
    assert {name for name, outline in seen.items() if outline != "solid"} <= {"search", "textarea"}


def test_on_a_phone_the_sidebar_and_the_source_lie_over_the_page(visitor: Visit) -> None:
    me = visitor(width=390, height=844)
    page = me.page
    expect(page.locator(".rail")).to_be_hidden()
    me.ask("年假有几天？")
    me.answered()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(".cite").first.click()
    panel = page.locator(".panel")
    expect(panel.locator("mark")).to_be_visible()
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    panel.get_by_role("button", name="关闭").click()
    page.get_by_role("button", name="展开侧栏").click()
    expect(page.locator(".rail")).to_be_visible()
    page.locator(".conversation").click()
    expect(page.locator(".rail")).to_be_hidden()


def test_gradios_own_words_are_nowhere(visitor: Visit) -> None:
    me = visitor()
    text = me.page.evaluate(
        "document.body.innerText +"
        " [...document.querySelectorAll('[aria-label],[title]')].map(e => e.ariaLabel + e.title).join()"
    )
    for word in ("Submit", "Upload", "Gradio", "Built with", "Settings", "Copy message"):
        assert word not in text
