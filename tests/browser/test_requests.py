"""The ledger's page: what was asked, what it cost, and the same as a file."""

import csv
import re
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import SECONDS, assert_accessible, sign_in
from tests.browser.reader import MODEL
from tests.browser.rest import Person
from tests.e2e.conftest import Platform


def ask_and_wait(rest: Person, key: str) -> None:
    """Of an engine, as a program does; until the ledger's process has taken the request."""
    before = len(rest.get("ledger", limit="200")["results"])
    question = {"role": "user", "content": "客户送的礼物价值超过多少钱就不能收？"}
    asked = rest.http.post(
        "/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": MODEL, "messages": [question]},
    )
    asked.raise_for_status()
    end = time.monotonic() + SECONDS / 1000
    while len(rest.get("ledger", limit="200")["results"]) == before:
        assert time.monotonic() < end
        time.sleep(0.25)


def test_requests_are_listed_with_their_costs_filtered_and_exported(
    admin: Page, rest: Person, stack: Platform, open_browser: Callable[..., BrowserContext]
) -> None:
    rest.post("price-books", example="deepseek-example")
    finance = next(d for d in stack.access["tenants"][0]["departments"] if d["slug"] == "finance")
    ask_and_wait(rest, finance["api_key"])
    admin.goto("/requests/")
    admin.wait_for_load_state("networkidle")
    expect(admin.get_by_role("heading", level=1)).to_have_text("请求明细")
    first = admin.locator("#list tbody tr").first
    expect(first).to_contain_text("deepseek-r1")
    expect(first.locator("td").last).to_contain_text("¥ 0.0")
    assert_accessible(admin)
    with admin.expect_download() as begun:
        admin.get_by_role("link", name="导出 CSV").click()
    rows = list(csv.DictReader(StringIO(Path(begun.value.path()).read_text(encoding="utf-8-sig"))))
    assert rows[0]["price_rule"].startswith("deepseek-2025-02@1/deepseek-reasoner/")
    admin.select_option("[name=outcome]", "rejected")
    expect(admin).to_have_url(re.compile("outcome=rejected"))
    expect(admin.locator("#list")).not_to_contain_text("deepseek-r1")
    admin.goto("/usage/?group_by=model")
    expect(admin.locator(".cost-chart")).to_contain_text("请求费用（CNY）")
    assert_accessible(admin)
    phone = sign_in(
        open_browser(language="en", theme="dark", phone=True).new_page(),
        **stack.access["admin"],
        wanted="/requests/",
    )
    expect(phone.locator("#list tbody tr").first).to_contain_text("deepseek-r1")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert_accessible(phone)
