"""What a person meets on a bad day."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.fakes.platform_answers import ANSWER, citations, message_row
from tests.frontend.chat.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def test_hostile_answers_titles_and_questions_do_nothing(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("恶意 <img src=x onerror='window.pwned=5'>")
    me.answered()
    page.reload()
    me.answered()
    assert page.evaluate("window.pwned") is None
    assert page.locator(".content img, .content script, .bubble img, .conversations img").count() == 0
    expect(page.locator(".content")).to_contain_text("![看我](https://evil.example/p.png?leak=1)")
    links = page.locator(".content a").evaluate_all("all => all.map(a => [a.getAttribute('href'), a.rel])")
    assert links == [
        ["https://example.org/%E9%A1%B5", "noopener noreferrer nofollow"],
        ["/api/v1/documents/1/content", "noopener noreferrer nofollow"],
    ]


def test_a_refusal_is_honest_and_no_error(visitor: Visit) -> None:
    me = visitor()
    me.ask("拒答")
    notice = me.page.locator(".notice.refused")
    expect(notice).to_contain_text("文件中没有找到依据")
    expect(notice).to_contain_text("「人事制度」「财务制度」")
    expect(me.page.locator(".notice.failed")).to_have_count(0)


@pytest.mark.parametrize("text", ["引擎", "出错", "中断"])
def test_the_question_outlives_a_failure_and_is_tried_again(visitor: Visit, text: str) -> None:
    me = visitor()
    page = me.page
    me.ask(text)
    expect(page.locator(".notice.failed")).to_contain_text("。问题已保留。")
    page.locator(".notice.failed").get_by_role("button", name="重试").click(timeout=30_000)
    page.locator(".sources").wait_for()
    expect(page.locator(".question")).to_have_count(1)
    expect(page.locator(".answer")).to_have_count(1)
    expect(page.locator(".notice.failed")).to_have_count(0)
    (conversation,) = me.servers.platform.user_named("li").conversations.values()
    assert [row["role"] for row in conversation["messages"] if not row.get("superseded")] == [
        "question",
        "answer",
    ]


def test_a_failed_question_is_offered_again_after_a_reload(visitor: Visit) -> None:
    me = visitor()
    me.ask("引擎")
    me.page.locator(".notice.failed").wait_for()
    me.page.reload()
    me.page.locator(".notice.failed").get_by_role("button", name="重试").click()
    me.page.locator(".sources").wait_for()


def test_the_gateway_says_when_to_come_again(visitor: Visit) -> None:
    me = visitor()
    me.ask("限流")
    button = me.page.locator(".notice.failed").get_by_role("button")
    expect(button).to_have_text(re.compile(r"[123] 秒后可重试"))
    expect(button).to_be_disabled()
    expect(button).to_have_text("重试", timeout=10_000)
    button.click()
    me.page.locator(".sources").wait_for()
    expect(me.page.locator(".question")).to_have_count(1)


def test_a_used_up_quota_gives_the_question_back(visitor: Visit) -> None:
    me = visitor()
    me.ask("配额")
    expect(me.page.locator(".notice.failed")).to_contain_text("本月的用量已经用完。")
    expect(me.page.locator(".notice.failed").get_by_role("button")).to_have_count(0)
    expect(me.page.locator("#question")).to_have_value("配额")


def test_a_queue_shows_the_place_in_it(visitor: Visit) -> None:
    me = visitor()
    me.ask("排队")
    expect(me.page.locator(".waiting")).to_contain_text(re.compile(r"前面还有 [123] 个问题"))
    me.answered()


def test_a_double_click_is_one_question(visitor: Visit) -> None:
    me = visitor()
    me.page.fill("#question", "快")
    me.page.locator(".send").dblclick()
    me.answered()
    me.page.wait_for_timeout(300)
    (conversation,) = me.servers.platform.user_named("li").conversations.values()
    assert len(conversation["messages"]) == 2


def test_an_ended_session_keeps_the_draft_through_the_sign_in(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    with page.expect_response("**/run/conversations"):  # or the list would tell it before the question
        me.ask("快")
    address = page.url
    me.servers.platform.sessions.clear()
    me.servers.platform.tokens.clear()
    me.ask("写给过期会话的问题")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("登录已过期")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_role("link", name="重新登录").click()
    page.locator("#go").click()
    expect(page.locator("#question")).to_have_value("写给过期会话的问题")
    expect(page.locator(".question")).to_have_count(1)
    assert page.url == address


def test_an_ended_session_is_told_whatever_was_being_done(visitor: Visit) -> None:
    me = visitor()
    page, platform = me.page, me.servers.platform
    with page.expect_response("**/run/conversations"):
        me.ask("快")
    address = page.url

    def rename() -> None:
        page.locator(".conversations .options").first.click()
        page.get_by_role("menuitem", name="重命名").click()
        page.get_by_role("textbox", name="重命名").fill("新名字")
        page.keyboard.press("Enter")

    def remove() -> None:
        page.locator(".conversations .options").first.click()
        page.get_by_role("menuitem", name="删除").click()
        page.get_by_role("dialog").get_by_role("button", name="删除").click()

    def judge() -> None:
        page.get_by_role("button", name="有帮助", exact=True).click()

    def search() -> None:
        page.get_by_role("searchbox").fill("年假")

    for act in (rename, remove, judge, search):
        page.fill("#question", f"草稿 {act.__name__}")
        platform.sessions.clear()
        platform.tokens.clear()
        act()
        dialog = page.locator("dialog.expired")
        expect(dialog, act.__name__).to_contain_text("登录已过期")
        expect(page.locator(".toast"), act.__name__).to_have_count(0)
        dialog.get_by_role("link", name="重新登录").click()
        page.locator("#go").click()
        expect(page.locator("#question")).to_have_value(f"草稿 {act.__name__}")
        me.answered()
        assert page.url == address


def test_a_page_of_another_organisation_says_so_and_leads_on(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.fill("#question", "草稿")
    me.servers.platform.tenant = "t2"
    # Another tab, after the organisation was changed in the console.
    me.context.request.get(f"{me.servers.base}/chat/")
    page.get_by_role("searchbox").fill("年假")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("已切换组织或账号")
    dialog.get_by_role("link").click()
    page.wait_for_selector(".welcome")
    page.get_by_role("searchbox").fill("年假")
    expect(page.locator(".empty-list")).to_have_text("没有找到“年假”")
    expect(dialog).to_have_count(0)


def test_who_left_the_organisation_reads_so_and_goes_on_in_another(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.failures["/session/token"] = {"status": 403, "code": "membership_ended"}
    me.context.request.get(f"{me.servers.base}/chat/")  # nothing is known of the session any more
    me.ask("草稿")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("您已不是这个组织的成员")
    expect(page.locator(".toast")).to_have_count(0)
    me.servers.platform.failures.clear()
    me.servers.platform.tenant = "t2"
    dialog.get_by_role("link", name="打开现在的页面").click()
    page.wait_for_selector(".welcome")
    expect(dialog).to_have_count(0)
    expect(page.locator("#question")).to_have_value("草稿")


def test_another_persons_draft_is_not_shown(visitor: Visit) -> None:
    me = visitor()
    me.page.fill("#question", "秘密")
    me.page.goto(f"{me.servers.base}/sign-in?user=zhang&next=/chat/")
    expect(me.page.locator(".user")).to_contain_text("张伟")
    expect(me.page.locator("#question")).to_have_value("")


@pytest.mark.parametrize(
    ("status", "code", "title", "way"),
    [
        (403, "session_needed", "您还不能使用助手", "我的账号"),
        (403, "tenant_suspended", "您所在的组织已被暂停", "了解详情"),
        (403, "membership_ended", "您已不是这个组织的成员", "打开现在的页面"),
        (400, "scripted", "页面没有打开成功", "重试"),
    ],
)
def test_a_page_that_cannot_begin_says_why(
    visitor: Visit, status: int, code: str, title: str, way: str
) -> None:
    me = visitor()
    me.servers.platform.failures["/assistants"] = {"status": status, "code": code}
    me.page.reload()
    expect(me.page.locator(".failed-start h1")).to_have_text(title)
    expect(me.page).to_have_title(title)
    expect(me.page.locator(".failed-start .button")).to_have_text(way)


def test_a_conversation_that_cannot_be_opened_has_a_heading_and_a_way_on(visitor: Visit) -> None:
    me = visitor()
    me.ask("快")
    me.answered()
    me.servers.platform.failures["/conversations/"] = {"status": 503, "code": "database_unavailable"}
    me.page.reload()
    expect(me.page.locator(".top h1")).to_have_text("这个对话没有打开成功")
    me.servers.platform.failures.clear()
    me.page.locator(".notice.failed").get_by_role("button").click()
    me.answered()
    expect(me.page.locator(".top h1")).to_have_text("快")


def test_a_conversation_whose_assistant_is_gone_can_be_read(visitor: Visit) -> None:
    me = visitor()
    page, platform = me.page, me.servers.platform
    for title, assistant in (("停用", "other"), ("删除", None)):
        row = platform.begin(platform.user_named("li"), "hr")
        row |= {"title": title, "assistant": assistant}
        question = message_row("question", "answered", title)
        answer = message_row("answer", "answered", ANSWER) | {"question": question["id"]}
        row["messages"] += [question, answer | {"citations": citations()}]
    page.reload()
    for title, told in (("停用", "已停用，或不再向您开放"), ("删除", "已被删除")):
        page.get_by_role("link", name=title).click()
        expect(page.locator(".closed-note")).to_contain_text(told)
        expect(page.locator(".top p")).to_have_text("只读")
        expect(page.locator(".composer")).to_be_hidden()
        expect(page.locator("#question")).to_be_disabled()
        expect(page.locator(".regenerate")).to_be_hidden()
    page.locator(".cite").first.click()
    expect(page.locator(".panel mark")).to_be_visible()
    page.locator(".closed-note").get_by_role("button", name="新对话").click()
    expect(page.locator(".welcome h1")).to_have_text("人事助手")
    expect(page.locator("#question")).to_be_enabled()


def test_an_assistant_that_goes_meanwhile_leaves_the_question(visitor: Visit) -> None:
    me = visitor()
    page, platform = me.page, me.servers.platform
    me.ask("快")
    me.answered()
    assistants = platform.assistants
    platform.assistants = [{**assistants[0], "enabled": False}, assistants[1]]
    try:
        me.ask("年假有几天？")
        expect(page.locator(".closed-note")).to_contain_text("已停用")
        expect(page.locator(".question")).to_have_count(1)
        expect(page.locator(".notice.failed")).to_have_count(0)
        assert page.locator("#question").input_value() == "年假有几天？"
        # What is begun next is begun with one that there is.
        platform.assistants = assistants
        me.go()
        platform.assistants = assistants[1:]  # the other was deleted
        me.ask("加班费呢")
        expect(page.locator(".welcome h1")).to_have_text("财务助手")
        expect(page.locator("#question")).to_have_value("加班费呢")
    finally:
        platform.assistants = assistants


@pytest.mark.parametrize(
    ("user", "text", "ways"),
    [
        ("zhang", "请联系管理员为您开通部门助手。", []),
        ("li", "您可以在管理控制台中新建助手。", ["前往助手管理"]),
    ],
)
def test_without_an_assistant_the_page_says_whom_to_ask_or_where_to_make_one(
    visitor: Visit, user: str, text: str, ways: list[str]
) -> None:
    me = visitor(user)
    assistants = me.servers.platform.assistants
    me.servers.platform.assistants = []
    try:
        me.page.reload()
        expect(me.page.locator(".welcome h1")).to_have_text("还没有可用的助手")
        expect(me.page.locator(".welcome p")).to_have_text(text)
        expect(me.page.locator(".welcome a")).to_have_text(ways)
        for way in me.page.locator(".welcome a").all():
            expect(way).to_have_attribute("href", f"{me.servers.prefix}/assistants/")
        expect(me.page.locator("#question")).to_be_disabled()
    finally:
        me.servers.platform.assistants = assistants
