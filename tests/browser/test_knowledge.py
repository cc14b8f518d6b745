"""Knowledge in a real browser: every page, and the upload of very many files with failures in the middle."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, sign_in
from tests.browser.watch import Watch
from tests.e2e.conftest import Platform

Opener = Callable[..., BrowserContext]
FILES = 200
EMPTY = 8
# Milliseconds from the choice of the files to the moment when the first of them is painted.
CHOOSE = """
(names) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no row of an upload in half a minute")), 30_000);
  const files = new DataTransfer();
  for (const [at, name] of names.entries()) {
    files.items.add(new File(name.includes("empty") ? [] : [`# ${name}\\n\\n第${at}条 期限不超过${at}年。`], name));
  }
  const input = document.querySelector("input[data-input=files]");
  const began = performance.now();
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
  const look = () => document.querySelector(".uploads__row") ? resolve(performance.now() - began) : requestAnimationFrame(look);
  look();
})
"""


def new_base(page: Page) -> str:
    page.goto("/knowledge/new")
    page.locator("#id_name").fill(f"上传 {uuid4().hex[:8]}")
    page.get_by_role("button", name="创建").click()
    expect(page.get_by_role("heading", name="还没有文档")).to_be_visible()
    page.wait_for_load_state()  # the page's scripts have run then
    return page.url


@pytest.mark.parametrize(("language", "theme"), [("zh-CN", "light"), ("en-US", "dark")])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_every_page(open_browser: Opener, stack: Platform, language: str, theme: str, phone: bool) -> None:
    page = sign_in(
        open_browser(language=language, theme=theme, phone=phone).new_page(), **stack.access["admin"]
    )
    page.goto("/knowledge/")
    base = page.locator("td.main a").first.get_attribute("href")
    assert base is not None
    page.goto(base)
    document = page.locator("td.main a").first.get_attribute("href")
    assert document is not None
    tabs = [document + tab for tab in ("", "versions", "jobs", "settings")]
    asked = "/hit-testing/?q=" + ("贷款期限" if language == "zh-CN" else "loan term")
    for path in (
        "/knowledge/",
        "/knowledge/new",
        base,
        f"{base}settings",
        *tabs,
        "/jobs/",
        "/hit-testing/",
        asked,
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_page_of_a_pdf_stands_beside_its_passages(admin: Page) -> None:
    admin.goto("/knowledge/")
    admin.get_by_role("link", name="电力生产知识库").click()
    admin.wait_for_load_state()
    admin.locator("#name-filter").fill("火电机组运行")
    expect(admin.locator("#documents td.main")).to_have_count(1)
    admin.locator("#documents td.main a").click()
    image = admin.locator("[data-page-image]")
    expect(image).to_be_visible()
    assert image.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 400
    link = admin.locator("[data-passage]").last
    link.click()
    expect(admin.locator(".passage[aria-current]")).to_have_count(1)
    expect(image).to_have_attribute("src", re.compile(r"highlight=\d+"))


def test_two_hundred_files_with_failures_and_hostile_names(admin: Page, watch: Watch) -> None:
    watch.allowed_statuses |= {409, 422}  # a job that ended before it could be cancelled; an empty file
    base = new_base(admin)
    hostile = ["<img src=x onerror=alert(1)>.md", "=cmd|calc.md", "gpj\u202egnp.md", "长" * 80 + ".md"]
    names = [f"empty-{n}.md" if n % 25 == 3 else f"办法_{n:03d}.md" for n in range(FILES)]
    assert admin.evaluate(CHOOSE, [*hostile, *names]) < 1000
    assert admin.locator(".uploads__row").count() < 20
    shown = admin.locator(".uploads__name")
    assert shown.nth(0).text_content() == hostile[0]
    assert shown.nth(2).text_content() == "gpj\ufffdgnp.md"
    expect(admin.locator("[data-part=count-total]")).to_have_text(str(FILES + len(hostile)))
    assert_accessible(admin)
    expect(admin.locator("[data-part=count-failed]")).to_have_text(str(EMPTY), timeout=120_000)
    admin.locator("[data-only=failed]").click()
    expect(admin.locator(".uploads__row[data-state=failed]").first).to_contain_text("文件为空")
    admin.locator("[data-part=cancel]").click()
    summary = admin.locator("[data-part=summary]")
    expect(summary).to_contain_text(f"全部 {FILES + len(hostile)} 个文件已处理", timeout=60_000)
    expect(summary).to_contain_text(f"{EMPTY} 个失败")
    admin.goto(f"{base}?q=calc")
    expect(admin.locator("#documents td.main bdi")).to_have_text("=cmd|calc.md")
    assert_accessible(admin)


def test_the_same_content_is_skipped_and_a_document_is_deleted(admin: Page) -> None:
    new_base(admin)
    for state in ("ready", "same"):
        admin.evaluate(CHOOSE, ["办法.md"])
        expect(admin.locator(f".uploads__row[data-state={state}]")).to_have_count(1, timeout=120_000)
    expect(admin.locator(".uploads__row[data-state=same]")).to_contain_text("内容已存在")
    opener = admin.get_by_role("button", name="删除“办法.md”")
    opener.click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("办法.md")
    assert_accessible(admin)
    dialog.get_by_role("button", name="保留").click()
    expect(opener).to_be_focused()
    opener.click()
    dialog.get_by_role("button", name="删除", exact=True).click()
    expect(admin.get_by_role("heading", name="还没有文档")).to_be_visible()


def test_a_base_is_deleted_only_by_its_name(admin: Page, watch: Watch) -> None:
    watch.allowed_statuses.add(422)
    base = new_base(admin)
    name = admin.get_by_role("heading", level=1).inner_text()
    for typed in ("something else", name):
        admin.goto(f"{base}settings")
        admin.get_by_role("button", name="删除…").click()
        admin.get_by_label("请输入知识库的名称以确认").fill(typed)
        admin.get_by_role("button", name="全部删除").click()
        if typed != name:
            expect(admin.get_by_role("alert")).to_contain_text("没有删除任何内容")
    expect(admin.get_by_role("status").filter(has_text="已删除")).to_be_visible()


def test_a_question_is_tested_and_remembered(admin: Page) -> None:
    admin.goto("/hit-testing/")
    admin.get_by_label("问题").fill("单一客户的贷款余额不得超过多少")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("heading", name="会作答")).to_be_visible()
    expect(admin.locator(".hit mark").first).to_be_visible()
    expect(admin.locator("[data-recent] a")).to_have_text("单一客户的贷款余额不得超过多少")
    admin.locator(".hit h3 a").first.click()
    expect(admin.locator(".passage[aria-current]")).to_be_visible()
