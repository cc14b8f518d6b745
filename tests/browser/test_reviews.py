"""Reading along: conversations of others, what is withheld from whom, and the queue of what was found wrong."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, sign_in
from tests.browser.rest import Person
from tests.browser.watch import Watch
from tests.fakes.engine import Answer, FakeEngine

PASSWORD = "deep-water-2026"
QUESTION = "以住宅抵押的，抵押率最高不超过多少？"


@pytest.fixture
def manager(rest: Person) -> dict[str, str]:
    """Of the finance department, with a clearance below that of the administrator."""
    email = f"{uuid4().hex[:12]}@example.org"
    rest.post(
        "members", email=email, name="陈晓敏", password=PASSWORD, department="finance", role="manager", clearance="internal"
    )  # fmt: skip
    return {"email": email, "password": PASSWORD}


def test_a_thumb_down_is_read_answered_and_resolved(
    admin: Page, rest: Person, engine: FakeEngine, watch: Watch
) -> None:
    mark = uuid4().hex[:8]
    question = f"{HOSTILE} {mark} {QUESTION}"
    script = engine.answers
    engine.answers = Answer(
        text=f"以住宅抵押的，抵押率**最高**不超过70%[1]。{HOSTILE} ![x](http://192.0.2.1/{mark}.png)\n\n"
        f"| 抵押物 | 比例 |\n|---|--:|\n| {HOSTILE} | 70% |\n",
        reasoning=f"<script>alert(1)</script> {HOSTILE}",
    )
    try:
        answer = rest.ask(assistant="finance", question=question)
    finally:
        engine.answers = script
    rest.rate(answer=answer["answer_id"], rating="down", reasons=("incomplete",), comment=f"{HOSTILE} {mark}")
    admin.goto("/feedback/")
    admin.wait_for_load_state("networkidle")
    item = admin.locator(".queue__item", has_text=mark)
    expect(item).to_contain_text("不完整")
    expect(item.locator(".quote")).to_have_text(f"{HOSTILE} {mark}")
    assert_accessible(admin)
    item.locator(".queue__question a").click()
    admin.wait_for_load_state("networkidle")
    expect(admin.locator(".turn__question")).to_contain_text(HOSTILE)
    expect(admin.locator(".turn__answer")).to_contain_text("70%")
    expect(admin.locator(".turn__answer strong")).to_have_text("最高")
    expect(admin.locator(".turn__answer td").first).to_have_text(HOSTILE)
    expect(admin.locator(".turn__answer td").last).to_have_css("text-align", "right")
    expect(admin.locator(".turn__answer")).to_contain_text(f"![x](http://192.0.2.1/{mark}.png)")
    admin.locator(".reasoning summary").click()
    expect(admin.locator(".reasoning")).to_contain_text("<script>alert(1)</script>")
    admin.locator(".sources summary").first.click()
    expect(admin.locator(".sources .quote").first).to_contain_text("70%")
    assert admin.locator("main img, main script").count() == 0
    assert_accessible(admin)
    admin.go_back()
    admin.wait_for_load_state("networkidle")
    opener = item.get_by_role("button", name="处理")
    opener.focus()
    admin.keyboard.press("Enter")
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("备注").fill(f"已补充 {mark}")
    assert_accessible(admin)
    dialog.get_by_role("button", name="标记为已处理").dblclick()
    expect(admin.locator(".notice--success")).to_be_visible()
    expect(item).to_have_count(0)
    admin.get_by_role("link", name="已处理").click()
    expect(item).to_contain_text(f"已补充 {mark}")
    item.get_by_role("button", name="重新打开").click()
    admin.goto("/feedback/")
    expect(item).to_have_count(1)


def test_a_manager_reads_along_but_not_past_the_own_clearance(
    rest: Person, manager: dict[str, str], open_browser: Callable[..., BrowserContext]
) -> None:
    base = rest.post(
        "knowledge-bases", name=f"机密 {uuid4().hex[:6]}", department="finance", secrecy="confidential"
    )
    rest.upload_until_ready(
        base=base["id"],
        files={"并购.md": "# 并购计划\n\n第一条 并购代号为青鸾，报价上限为九亿元。\n".encode()},
    )
    slug = f"m{uuid4().hex[:6]}"
    rest.post("assistants", slug=slug, department="finance", name="并购助手", knowledge_bases=[base["id"]])
    secret = rest.ask(assistant=slug, question="并购代号是什么，报价上限为多少？")
    plain = rest.ask(assistant="finance", question=QUESTION)
    page = sign_in(open_browser().new_page(), **manager, wanted="/conversations/")
    page.goto("/conversations/")
    page.wait_for_load_state("networkidle")
    assert_accessible(page)
    page.get_by_role("searchbox").fill("住宅抵押")
    expect(page.locator("#list tbody tr", has_text="住宅抵押").first).to_be_visible()
    page.goto(f"/conversations/{plain['conversation_id']}/")
    expect(page.locator(".turn__answer")).to_contain_text("70%")
    page.goto(f"/conversations/{secret['conversation_id']}/")
    expect(page.locator(".turn .notice")).to_contain_text("已隐藏")
    expect(page.locator("main")).not_to_contain_text("青鸾")
    assert_accessible(page)
    reviewed = rest.get("audit-events", action="conversation.reviewed")["results"]
    assert {event["target"] for event in reviewed} >= {
        f"conversation:{plain['conversation_id']}",
        f"conversation:{secret['conversation_id']}",
    }
