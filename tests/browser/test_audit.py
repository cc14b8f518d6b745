"""The trail: read in words, searched, exported and verified."""

import csv
import re
from io import StringIO
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, choose
from tests.browser.rest import Person

FORMULA = "=cmd|' /C calc'!A0"


def test_what_happened_is_found_in_words(admin: Page, rest: Person) -> None:
    slug = f"a{uuid4().hex[:8]}"
    rest.post("departments", slug=slug, name=f"{HOSTILE}{slug}", parent="finance")
    rest.delete(f"departments/{slug}")
    admin.goto("/audit/")
    admin.wait_for_load_state("networkidle")
    expect(admin.locator("#events tbody tr").first).to_contain_text("Administrator")
    assert_accessible(admin)
    admin.get_by_role("searchbox", name="事件中的文字").fill(slug)
    expect(admin.locator("#events tbody tr")).to_have_count(2)
    events = admin.locator(".event summary")
    expect(events.nth(1)).to_contain_text(slug)
    expect(admin).to_have_url(re.compile(f"q={slug}"))
    events.nth(1).click()
    expect(admin.locator(".event pre").nth(1)).to_contain_text('"action": "department.created"')
    assert_accessible(admin)
    choose(admin, "[name=group]", "API 密钥")
    expect(admin.get_by_role("heading", name="没有符合条件的事件")).to_be_visible()
    admin.go_back()
    expect(admin.locator("#events tbody tr")).to_have_count(2)
    admin.goto("/audit/?who=nobody-of-that-name")
    expect(admin.locator("#events .empty")).to_be_visible()


def test_an_export_holds_what_is_shown_and_no_formula(admin: Page, rest: Person) -> None:
    name = f"{FORMULA} {uuid4().hex[:6]}"
    key = rest.post("api-keys", name=name, department="finance", scopes=["search"])
    admin.goto(f"/audit/?target=api_key:{key['id']}")
    admin.wait_for_load_state("networkidle")
    with admin.expect_download() as begun:
        admin.locator("#export").click()
    rows = list(csv.reader(StringIO(Path(begun.value.path()).read_text(encoding="utf-8-sig"))))
    assert rows[0][:4] == ["sequence", "at", "actor", "action"]
    assert [row[3] for row in rows[1:]] == ["api_key.created"]
    assert name in rows[1][5]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_the_chain_is_verified(admin: Page) -> None:
    admin.goto("/audit/")
    admin.wait_for_load_state("networkidle")
    admin.get_by_role("button", name="校验哈希链").click()
    expect(admin.locator("#verification .notice--success")).to_contain_text("哈希链完整")
    assert_accessible(admin)
    admin.goto("/platform/audit/")
    admin.wait_for_load_state("networkidle")
    expect(admin.locator("#events tbody tr").first).to_be_visible()
    assert_accessible(admin)
