"""Assistants as their managers look after them: editing, trying before saving, going back, opening to others."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, sign_in
from tests.browser.reader import read
from tests.browser.watch import Watch
from tests.e2e.conftest import Platform
from tests.fakes.engine import Answer, FakeEngine

QUESTION = "以住宅抵押的，抵押率最高不超过多少？"
EDITOR = "/assistants/finance/"
# What the watch over engines asks for.
PROBE = [{"role": "user", "content": "1"}]


@pytest.fixture
def fresh(admin: Page) -> Iterator[Page]:
    """The editor of an assistant that belongs to this test alone."""
    admin.goto("/assistants/new")
    admin.fill("[name=name]", "试验助手")
    admin.fill("[name=slug]", "trial")
    admin.select_option("[name=department]", "finance")
    admin.get_by_label("渠源银行制度与报告").check()
    admin.click("main form button.button--primary")
    expect(admin.get_by_role("heading", level=1)).to_have_text("试验助手")
    admin.wait_for_load_state("networkidle")  # the page's scripts too
    yield admin
    admin.goto("/assistants/trial/")
    if admin.locator("#delete-assistant").count():
        admin.click("[data-opens=delete-assistant]")
        admin.click("#delete-assistant button.button--bad")
        admin.wait_for_url("**/assistants/")


def ask(page: Page, question: str) -> None:
    page.fill("#try-question", question)
    page.press("#try-question", "Enter")


def save(page: Page, note: str = "") -> None:
    page.fill("[name=note]", note)
    page.click(".savebar button")
    expect(page.locator(".notice--success")).to_be_visible()


def test_the_list_leads_to_the_editor(admin: Page) -> None:
    admin.goto("/assistants/")
    card = admin.locator(".bot", has_text="assistant:finance").or_(
        admin.locator(".bot", has_text="金融制度助手")
    )
    expect(card.first).to_contain_text("已启用")
    expect(admin.locator("#week-finance")).not_to_have_text("…")
    assert_accessible(admin)
    card.first.get_by_role("link").first.click()
    admin.wait_for_url(f"**{EDITOR}")


def test_an_unsaved_prompt_is_tried_and_told_step_by_step(fresh: Page, engine: FakeEngine) -> None:
    fresh.fill("[name=instructions]", "先给出结论。<img src=x onerror=alert(1)>")
    ask(fresh, QUESTION)
    run = fresh.locator(".run").first
    expect(run.locator(".run__answer")).to_contain_text("抵押率最高不超过70%")
    expect(run.locator(".run__facts")).to_contain_text("ms")
    expect(run.locator("[data-slot=citations] li")).to_have_count(1)
    expect(run.locator("[data-slot=verdict]")).to_contain_text("资料足以回答")
    run.locator("[data-slot=search] summary").click()
    expect(run.locator(".hit.is-cited")).to_have_count(1)
    expect(run.locator(".hit").first).to_contain_text("语义")
    run.locator("[data-slot=prompt] summary").click()
    expect(run.locator("[data-slot=messages]")).to_contain_text("先给出结论。<img src=x onerror=alert(1)>")
    expect(run.locator("[data-slot=unread]")).to_be_hidden()  # but for small models
    expect(run.locator("[data-slot=doing]")).to_have_text("正在回答")
    assert fresh.locator(".run img").count() == 0
    # Not simply the last one: the watch over engines asks too.
    asked = [request.body["messages"] for request in engine.requests]
    assert "先给出结论。" in str([messages for messages in asked if messages != PROBE][-1])
    assert_accessible(fresh)
    fresh.reload()
    expect(fresh.locator("[name=instructions]")).to_have_value("")
    fresh.goto("/conversations/?assistant=trial")
    expect(fresh.locator("#list")).to_contain_text("没有")


def test_a_tried_answer_is_shown_as_it_was_meant(fresh: Page, engine: FakeEngine) -> None:
    def answer_of(body: Mapping[str, Any]) -> Answer:
        said = read(body)
        text = said.text.replace("最高", "**最高**")
        table = f"| 抵押物 | 比例 |\n|---|--:|\n| {HOSTILE} | 70% |\n"
        return replace(said, text=f"{text}{HOSTILE} ![x](http://192.0.2.1/x.png)\n\n{table}")

    engine.answers = answer_of
    try:
        ask(fresh, QUESTION)
        answer = fresh.locator(".run__answer.prose")
        expect(answer.locator("strong")).to_have_text("最高")
    finally:
        engine.answers = read
    expect(answer.locator("td").first).to_have_text(HOSTILE)
    expect(answer.locator("td").last).to_have_css("text-align", "right")
    expect(answer).to_contain_text("![x](http://192.0.2.1/x.png)")
    assert answer.locator("img, script").count() == 0
    mark = answer.locator("a.cite").first
    mark.click()
    target = (mark.get_attribute("href") or "").removeprefix("#")
    expect(fresh.locator(f"[data-slot=citations] li[id='{target}']")).to_contain_text(mark.inner_text())
    assert_accessible(fresh)


def test_two_answers_a_refusal_a_stop_and_an_engine_that_is_down(
    fresh: Page, engine: FakeEngine, watch: Watch
) -> None:
    script = engine.answers
    try:
        fresh.check("[data-compare]")
        ask(fresh, QUESTION)
        expect(fresh.locator(".is-pair .run .run__facts:visible")).to_have_count(2)
        fresh.click("[data-clear]")
        fresh.uncheck("[data-compare]")
        for box in fresh.locator("[name=knowledge_bases]:checked").all():
            box.uncheck()
        ask(fresh, QUESTION)
        expect(fresh.locator(".run").first).to_contain_text("no_knowledge")
        fresh.click("[data-clear]")
        fresh.get_by_label("渠源银行制度与报告").check()
        engine.answers = Answer(
            text="住宅抵押率最高不超过70%[1]。" * 40, reasoning="查第二十条。", piece_delay=0.2
        )
        ask(fresh, QUESTION)
        expect(fresh.locator(".run__answer")).to_contain_text("住宅")
        fresh.click("[data-stop]")
        expect(fresh.locator(".run").first).to_contain_text("已停止")
        expect(fresh.locator("[data-send]")).to_be_visible()
        fresh.click("[data-clear]")
        engine.answers = Answer(status=503)
        ask(fresh, QUESTION)
        expect(fresh.locator(".run [role=alert]")).to_contain_text("推理引擎")
        expect(fresh.locator(".run [data-slot=search]")).to_be_visible()
    finally:
        engine.answers = script


def test_versions_are_kept_compared_and_restored(fresh: Page) -> None:
    fresh.fill("[name=instructions]", "第一行\n第二行")
    save(fresh, "写了提示词")
    fresh.fill("[name=instructions]", "第一行\n改过的一行")
    save(fresh)
    fresh.get_by_role("link", name="版本", exact=True).click()
    expect(fresh.locator("tbody tr")).to_have_count(3)
    expect(fresh.locator("tbody")).to_contain_text("写了提示词")
    assert_accessible(fresh)
    fresh.locator("tbody a").first.click()
    expect(fresh.locator(".diff__removed")).to_contain_text("第二行")
    expect(fresh.locator(".diff__added")).to_contain_text("改过的一行")
    assert_accessible(fresh)
    fresh.goto("/assistants/trial/versions/2/")
    fresh.click("[data-opens=restore]")
    fresh.click("#restore button.button--primary")
    expect(fresh.locator(".notice--success")).to_contain_text("版本 2 已恢复为版本 4")
    fresh.goto("/assistants/trial/")
    expect(fresh.locator("[name=instructions]")).to_have_value("第一行\n第二行")


def test_who_saves_on_top_of_a_newer_version_loses_nothing(
    fresh: Page, open_browser: Callable[..., BrowserContext], stack: Platform, watch: Watch
) -> None:
    other = sign_in(open_browser().new_page(), **stack.access["admin"], wanted="/assistants/trial/")
    other.goto("/assistants/trial/")
    other.fill("[name=greeting]", "别人的欢迎语")
    save(other)
    watch.allowed_statuses.add(409)
    fresh.fill("[name=instructions]", "我的提示词")
    fresh.click(".savebar button")
    conflict = fresh.locator(".conflict")
    expect(conflict).to_contain_text("别人的欢迎语")
    expect(fresh.locator("[name=instructions]")).to_have_value("我的提示词")
    assert_accessible(fresh)
    conflict.get_by_role("button").click()
    expect(fresh.locator(".notice--success")).to_contain_text("版本 3")
    expect(fresh.locator("[name=instructions]")).to_have_value("我的提示词")


def test_opening_questions_by_keyboard_and_mouse(fresh: Page) -> None:
    inputs = fresh.locator("[name=opening_questions]")
    for text in ("一", "二", "三"):
        fresh.click("[data-add]")
        fresh.keyboard.type(text)
    fresh.locator("[data-move=up]").nth(2).focus()
    fresh.keyboard.press("Enter")
    fresh.keyboard.press("Enter")
    assert [box.input_value() for box in inputs.all()] == ["三", "一", "二"]
    grip = fresh.locator("[data-grip]").nth(2).bounding_box()
    first = fresh.locator("[data-question]").first.bounding_box()
    assert grip
    assert first
    fresh.mouse.move(grip["x"] + 5, grip["y"] + 10)
    fresh.mouse.down()
    fresh.mouse.move(first["x"] + 5, first["y"] + 2, steps=5)
    fresh.mouse.up()
    assert [box.input_value() for box in inputs.all()] == ["二", "三", "一"]
    fresh.locator("[data-remove]").nth(1).click()
    save(fresh)
    assert [box.input_value() for box in inputs.all()] == ["二", "一"]


def test_access_switch_and_developers(fresh: Page, watch: Watch) -> None:
    fresh.get_by_role("link", name="使用权限").click()
    fresh.locator("[name=departments][value=energy]").check()
    fresh.click("main form .form__actions button")
    expect(fresh.locator(".notice--success")).to_be_visible()
    expect(fresh.locator("[name=departments][value=energy]")).to_be_checked()
    assert_accessible(fresh)
    fresh.get_by_role("link", name="开发接入").click()
    expect(fresh.locator("main")).to_contain_text('"model": "assistant:trial"')
    assert_accessible(fresh)
    fresh.click("[data-opens=switch-off]")
    fresh.click("#switch-off button.button--primary")
    expect(fresh.locator(".page-head")).to_contain_text("已停用")
    fresh.click(".page-head button.button--primary")
    expect(fresh.locator(".page-head")).not_to_contain_text("已停用")


def test_in_english_on_a_phone_in_the_dark(
    open_browser: Callable[..., BrowserContext], stack: Platform
) -> None:
    context = open_browser(language="en-US", theme="dark", phone=True)
    page = sign_in(context.new_page(), **stack.access["admin"], wanted="/assistants/")
    for path in ("/assistants/", EDITOR, f"{EDITOR}access/", f"{EDITOR}versions/", f"{EDITOR}api/"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert_accessible(page)
    page.goto(EDITOR)
    ask(page, QUESTION)
    expect(page.locator(".run__answer")).to_contain_text("70%")
    expect(page.locator(".run__facts")).to_contain_text("First token")
