"""Keys of programs: made once, shown once, used, and revoked."""

from uuid import uuid4

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, choose, submit_twice
from tests.e2e.conftest import Platform

# What the page puts on the clipboard; a page that came over plain HTTP has no other one.
COPIED = """
() => {
  Object.defineProperty(navigator, "clipboard", { value: undefined });
  document.addEventListener("copy", () => { window.copied = document.activeElement.value; });
}
"""


def status_of(stack: Platform, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{stack.base_url}/v1/models", headers=headers, trust_env=False, timeout=30).status_code


def test_a_key_is_made_once_shown_once_and_revoked(admin: Page, stack: Platform) -> None:
    name = f"{HOSTILE} {uuid4().hex[:6]}"
    admin.goto("/api-keys/")
    assert_accessible(admin)
    admin.get_by_role("link", name="创建 API 密钥").first.click()
    admin.wait_for_load_state("networkidle")
    admin.get_by_label("密钥名称").fill(name)
    choose(admin, "[name=department]", "金融业务部")
    admin.locator("[name=scopes][value=chat]").check()
    assert_accessible(admin)
    submit_twice(admin, "创建密钥")
    key = admin.locator("#secret").inner_text()
    assert_accessible(admin)
    admin.evaluate(COPIED)
    admin.locator(".copy button").click()
    expect(admin.locator(".toast")).to_contain_text("已复制")
    assert admin.evaluate("window.copied") == key
    assert status_of(stack, key) == 200
    admin.reload()
    expect(admin.get_by_role("heading", level=1)).to_have_text("API 密钥")
    expect(admin.locator("body")).not_to_contain_text(key)
    row = admin.locator("tbody tr", has_text=name)
    expect(row).to_have_count(1)
    admin.wait_for_load_state("networkidle")
    row.get_by_role("button", name="吊销").click()
    expect(admin.get_by_role("dialog")).to_contain_text(name)
    assert_accessible(admin)
    admin.get_by_role("dialog").get_by_role("button", name="吊销").click()
    expect(admin.locator(".notice--success")).to_be_visible()
    expect(row).to_have_count(0)
    assert status_of(stack, key) == 401
    admin.goto("/api-keys/?state=revoked")
    expect(row.locator(".badge--dot")).to_have_text("已吊销")
