"""The way in, in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, sign_in
from tests.browser.watch import Watch
from tests.e2e.conftest import Platform

Opener = Callable[..., BrowserContext]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("language", "heading"), [("zh-CN", "登录 Karez"), ("en-US", "Sign in to Karez")])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_sign_in_page(
    open_browser: Opener, stack: Platform, language: str, heading: str, theme: str, phone: bool
) -> None:
    page = open_browser(language=language, theme=theme, phone=phone).new_page()
    page.goto(f"{stack.base_url}/sign-in")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_wrong_password_keeps_the_address_and_says_what_to_do(
    open_browser: Opener, stack: Platform, watch: Watch
) -> None:
    watch.allowed_statuses.add(403)
    page = open_browser().new_page()
    page.goto(f"{stack.base_url}/sign-in")
    page.get_by_label("邮箱").fill("nobody@example.org")
    page.get_by_label("密码").fill("not-the-password")
    page.get_by_role("button", name="登录").click()
    expect(page.locator(".errorlist")).to_contain_text("密码")
    expect(page.get_by_label("邮箱")).to_have_value("nobody@example.org")
    assert_accessible(page)


def test_signing_in_and_out_by_keyboard_alone(open_browser: Opener, stack: Platform) -> None:
    page = open_browser().new_page()
    page.goto(f"{stack.base_url}/")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    page.keyboard.type(stack.access["admin"]["email"])
    page.keyboard.press("Tab")
    page.keyboard.type(stack.access["admin"]["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="概览", level=1)).to_be_visible()
    page.locator(".user-button").focus()
    page.keyboard.press("Enter")
    for _ in range(3):  # the last of the menu
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="退出")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_language_and_appearance_are_kept(admin: Page) -> None:
    admin.get_by_role("heading", level=1).click()
    assert admin.evaluate("localStorage.getItem('karez-theme')") is None  # nothing was chosen
    admin.locator("summary[aria-label=外观]").click()
    expect(admin.get_by_role("button", name="跟随系统")).to_have_attribute("aria-pressed", "true")
    expect(admin.locator("[data-theme-choice][aria-pressed=true]")).to_have_count(1)
    # The chat reads the same choice: opening a menu is none.
    assert admin.evaluate("localStorage.getItem('karez-theme')") is None
    admin.get_by_role("button", name="深色").click()
    expect(admin.locator("html")).to_have_attribute("data-theme", "dark")
    admin.locator("summary[aria-label=语言]").click()
    admin.get_by_role("button", name="English").click()
    expect(admin.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(admin.locator("html")).to_have_attribute("data-theme", "dark")
    assert_accessible(admin)


def test_the_menu_of_the_phone(open_browser: Opener, stack: Platform) -> None:
    page = sign_in(open_browser(phone=True).new_page(), **stack.access["admin"])
    page.get_by_label("打开菜单").click()
    expect(page.get_by_role("link", name="概览")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="概览")).to_be_hidden()
