"""What a person meets on a bad day."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

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
    expect(page.locator(".notice.failed")).to_contain_text("问题已保留")
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


def test_a_reload_attaches_to_the_answer_that_is_coming(visitor: Visit) -> None:
    me = visitor()
    me.ask("慢慢说")
    me.page.locator(".content .block").first.wait_for()
    me.page.reload()
    expect(me.page.locator(".send.stop")).to_be_visible()
    me.page.locator(".content .block").first.wait_for()
    me.page.get_by_role("button", name="停止回答").click()
    expect(me.page.locator(".stopped")).to_be_visible()
    expect(me.page.locator(".question")).to_have_count(1)


def test_a_finished_answer_is_there_after_the_browser_was_away(visitor: Visit) -> None:
    me = visitor()
    me.ask("年假有几天？")
    me.page.locator(".reasoning.going").wait_for()
    address = me.page.url
    me.page.goto("about:blank")
    me.page.wait_for_timeout(4000)
    me.page.goto(address)
    me.answered()
    expect(me.page.locator(".sources li")).to_have_count(2)
    assert me.servers.platform.hung_up == 0


def test_going_to_another_conversation_leaves_the_answer_going(visitor: Visit) -> None:
    me = visitor()
    me.ask("年假有几天？")
    me.page.locator(".reasoning.going").wait_for()
    me.new()
    me.ask("快")
    me.answered()
    me.page.locator(".conversation", has_text="年假").click()
    me.page.locator(".sources").wait_for()
    expect(me.page.locator(".answer")).to_have_count(1)
    assert me.servers.platform.hung_up == 0


def test_a_lost_network_is_said_and_got_over(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("年假有几天？")
    page.locator(".reasoning.going").wait_for()
    # Chromium lets streams live that have begun: what is asked from now on fails.
    page.evaluate(
        "() => { const real = window.fetch; window.fetch = () => Promise.reject(new TypeError('lost'));"
        " window.mend = () => { window.fetch = real; }; window.dispatchEvent(new Event('offline')); }"
    )
    expect(page.get_by_role("alert")).to_have_text("网络已断开，正在重新连接…")
    page.evaluate("() => { window.mend(); window.dispatchEvent(new Event('online')); }")
    me.answered()
    expect(page.locator(".banner")).to_be_hidden()
    expect(page.locator(".answer")).to_have_count(1)


def test_a_question_asked_without_a_network_is_asked_once_when_it_is_back(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.context.set_offline(True)
    me.ask("快")
    expect(page.locator(".banner")).to_be_visible()
    page.wait_for_timeout(1200)
    me.context.set_offline(False)
    me.answered()
    expect(page.locator(".banner")).to_be_hidden()
    (conversation,) = me.servers.platform.user_named("li").conversations.values()
    assert len(conversation["messages"]) == 2
    me.complaints.clear()  # the browser's own words about the network


def test_an_ended_session_keeps_the_draft_through_the_sign_in(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("快")
    me.answered()
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


def test_another_persons_draft_is_not_shown(visitor: Visit) -> None:
    me = visitor()
    me.page.fill("#question", "秘密")
    me.page.goto(f"{me.servers.base}/sign-in?user=zhang&next=/chat/")
    expect(me.page.locator(".user")).to_contain_text("张伟")
    expect(me.page.locator("#question")).to_have_value("")


def test_the_page_gets_over_a_platform_that_is_down(visitor: Visit) -> None:
    me = visitor()
    me.servers.platform.failures["/assistants"] = {"status": 503, "code": "database_unavailable"}
    me.page.reload()
    expect(me.page.locator(".failed-start h1")).to_have_text("平台暂时没有响应")
    me.servers.platform.failures.clear()
    me.page.get_by_role("button", name="重试").click()
    expect(me.page.locator(".welcome h1")).to_have_text("人事助手")


def test_without_an_assistant_the_page_says_whom_to_ask(visitor: Visit) -> None:
    me = visitor()
    assistants = me.servers.platform.assistants
    me.servers.platform.assistants = []
    try:
        me.page.reload()
        expect(me.page.locator(".welcome h1")).to_have_text("还没有可用的助手")
        expect(me.page.locator("#question")).to_be_disabled()
    finally:
        me.servers.platform.assistants = assistants


def test_a_follow_up_sent_without_a_network_is_asked_when_it_is_back(visitor: Visit) -> None:
    me = visitor()
    me.ask("快")
    me.answered()
    me.page.evaluate(
        "() => { const real = window.fetch; window.fetch = () => Promise.reject(new TypeError('lost'));"
        " window.mend = () => { window.fetch = real; }; }"
    )
    me.ask("年假有几天？")
    expect(me.page.get_by_role("alert")).to_have_text("网络已断开，正在重新连接…")
    me.page.evaluate("() => window.mend()")
    expect(me.page.locator(".sources")).to_be_visible(timeout=30_000)
    expect(me.page.locator(".question")).to_have_count(2)
    (conversation,) = me.servers.platform.user_named("li").conversations.values()
    assert len(conversation["messages"]) == 4


def test_a_reload_while_it_is_answered_again_shows_one_answer(visitor: Visit) -> None:
    me = visitor()
    me.ask("慢慢说")
    me.page.locator(".content .block").first.wait_for()
    me.page.get_by_role("button", name="停止回答").click()
    expect(me.page.locator(".stopped")).to_be_visible()
    me.page.get_by_role("button", name="重新回答").click()
    me.page.locator(".content .block").first.wait_for()
    me.page.reload()
    expect(me.page.locator(".send.stop")).to_be_visible()
    expect(me.page.locator(".answer")).to_have_count(1)
