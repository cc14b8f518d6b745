"""Overview, usage and models: figures that lead to what they count."""

import csv
import re
from io import StringIO
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import assert_accessible
from tests.browser.rest import Person


def test_each_figure_leads_to_what_it_counts(admin: Page, rest: Person) -> None:
    rest.ask(assistant="finance", question="客户送的礼物价值超过多少钱就不能收？")
    admin.goto("/")
    admin.wait_for_load_state("networkidle")
    questions = admin.locator(".kpi", has_text="提问").first
    assert int(questions.locator(".kpi__value").inner_text().replace(",", "")) >= 1
    expect(admin.locator(".chart__bar").first).to_be_attached()
    expect(admin.locator(".chart table").first).to_contain_text(
        "已回答"
    )  # the figures for who does not see the bars
    assert_accessible(admin)
    addresses = [one.get_attribute("href") for one in admin.locator("a.kpi").all()]
    assert len(addresses) == 8
    assert None not in addresses
    for address in dict.fromkeys(addresses):
        admin.goto(str(address))
        expect(admin.get_by_role("heading", level=1)).to_be_visible()
    admin.go_back()


def test_usage_is_grouped_and_exported(admin: Page, rest: Person) -> None:
    rest.ask(assistant="energy", question="一级动火票开出来以后多长时间内有效？")
    admin.goto("/usage/")
    admin.wait_for_load_state("networkidle")
    assert_accessible(admin)
    admin.select_option("[name=group_by]", "assistant")
    expect(admin.locator(".usage-table tbody")).to_contain_text("渠源能源运行助手")
    expect(admin).to_have_url(re.compile("group_by=assistant"))
    assert_accessible(admin)
    with admin.expect_download() as begun:
        admin.get_by_role("link", name="导出 CSV").click()
    rows = list(csv.DictReader(StringIO(Path(begun.value.path()).read_text(encoding="utf-8-sig"))))
    assert "渠源能源运行助手" in [cell for row in rows for cell in row.values()]
    admin.goto("/usage/?since=1999-13-45&until=9999-99-99&group_by=%00")
    expect(admin.locator("#usage")).to_be_visible()


def test_models_are_asked(admin: Page) -> None:
    admin.goto("/models/")
    expect(admin.locator(".engine", has_text="deepseek-r1").locator(".badge--good").first).to_be_visible()
    expect(admin.locator("#embedding")).to_contain_text("512 维")
    assert_accessible(admin)
    admin.get_by_role("button", name="立即探测").focus()
    admin.keyboard.press("Enter")
    expect(admin.locator("#probing")).to_be_hidden()
    expect(admin.locator(".engine", has_text="deepseek-r1")).to_have_count(1)
    assert_accessible(admin)
