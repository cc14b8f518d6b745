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


def test_on_a_phone_what_lies_over_the_page_has_the_focus_and_gives_it_back(visitor: Visit) -> None:
    me = visitor(width=390, height=844)
    page = me.page
    inert = "['.stage', '.rail', '.panel'].filter(name => document.querySelector(name).inert)"
    me.ask("年假有几天？")
    me.answered()
    assert page.evaluate(inert) == [".rail"]
    page.get_by_role("button", name="展开侧栏").click()
    expect(page.locator(".rail-close")).to_be_focused()
    assert page.evaluate(inert) == [".stage", ".panel"]
    page.keyboard.press("Escape")
    expect(page.locator(".rail")).to_be_hidden()
    expect(page.get_by_role("button", name="展开侧栏")).to_be_focused()
    cite = page.locator(".cite").first
    cite.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".panel")).to_be_focused()
    assert page.evaluate(inert) == [".stage", ".rail"]
    page.keyboard.press("Escape")
    expect(cite).to_be_focused()
    assert page.evaluate(inert) == [".rail"]
    page.get_by_role("button", name="展开侧栏").click()
    page.locator(".conversation").click()
    expect(page.locator(".scroller")).to_be_focused()
    assert page.evaluate(inert) == [".rail"]


def test_the_focus_and_a_half_typed_name_outlive_changes_of_the_list(visitor: Visit) -> None:
    me = visitor()
    page, user = me.page, me.servers.platform.user_named("li")
    me.servers.platform.seed(user)
    page.reload()
    me.ask("年假有几天呢？")
    page.locator(".answer").wait_for()
    with page.expect_response("**/run/conversations"):
        page.get_by_role("link", name="试用期可以延长吗").focus()
    page.wait_for_timeout(200)
    expect(page.get_by_role("link", name="试用期可以延长吗")).to_be_focused()
    me.ask("还有呢？")
    page.locator(".answer").nth(1).wait_for()
    with page.expect_response("**/run/conversations"):
        page.get_by_role("button", name="“加班费的计算基数”的操作").click()
        page.get_by_role("menuitem", name="重命名").click()
        page.get_by_role("textbox", name="重命名").fill("加班费怎")
    page.wait_for_timeout(200)
    expect(page.get_by_role("textbox", name="重命名")).to_be_focused()
    assert "加班费的计算基数" in [row["title"] for row in user.conversations.values()]
    page.keyboard.type("么算")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="加班费怎么算")).to_be_focused()
    # Deleting one leads to the next.
    page.get_by_role("button", name="“加班费怎么算”的操作").click()
    page.get_by_role("menuitem", name="删除").click()
    page.get_by_role("dialog").get_by_role("button", name="删除").click()
    expect(page.get_by_role("link", name="Probation period")).to_be_focused()


def test_gradios_own_words_are_nowhere(visitor: Visit) -> None:
    me = visitor()
    text = me.page.evaluate(
        "document.body.innerText +"
        " [...document.querySelectorAll('[aria-label],[title]')].map(e => e.ariaLabel + e.title).join()"
    )
    for word in ("Submit", "Upload", "Gradio", "Built with", "Settings", "Copy message"):
        assert word not in text
