"""Networks, platforms and pages that go away while an answer is coming."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.fakes.platform_answers import message_row
from tests.frontend.chat.browser.conftest import Visitor

Visit = Callable[..., Visitor]


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


def test_the_page_gets_over_a_platform_that_is_down(visitor: Visit) -> None:
    me = visitor()
    me.servers.platform.failures["/assistants"] = {"status": 503, "code": "database_unavailable"}
    me.page.reload()
    expect(me.page.locator(".failed-start h1")).to_have_text("平台暂时没有响应")
    expect(me.page).to_have_title("平台暂时没有响应")
    me.servers.platform.failures.clear()
    me.page.get_by_role("button", name="重试").click()
    expect(me.page.locator(".welcome h1")).to_have_text("人事助手")


def test_a_connection_that_says_nothing_is_given_up(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.clock.install()
    page.evaluate(
        """() => {
            const real = window.fetch;
            window.fetch = async (url, options) => {
                const response = await real(url, options);
                if (!/call\\/ask\\//.test(url)) return response;
                const first = await response.body.getReader().read();
                const start = (stream) => stream.enqueue(first.value);
                const cancel = () => { window.cancelled = true; };
                return new Response(new ReadableStream({ start, cancel }));
            };
            window.dead = () => {
                window.fetch = (_url, { signal }) => new Promise((_, reject) => {
                    signal.addEventListener("abort", () => reject(signal.reason));
                });
            };
        }"""
    )
    watched: list[str] = []
    page.on("request", lambda sent: watched.append(sent.url) if sent.url.endswith("/call/watch") else None)
    me.ask("年假有几天？")
    page.locator(".answer").wait_for()
    page.clock.fast_forward(30_000)
    page.wait_for_timeout(1500)
    assert watched == []
    page.clock.fast_forward(20_000)
    me.answered()
    expect(page.locator(".sources li")).to_have_count(2)
    expect(page.locator(".answer")).to_have_count(1)
    assert page.evaluate("window.cancelled") is True
    # Nor is a call waited for without an end.
    page.evaluate("window.dead()")
    page.get_by_role("button", name="有帮助", exact=True).click()
    page.clock.fast_forward(50_000)
    expect(page.locator(".toast")).to_have_text("网络连接失败。")


def test_an_answer_awaited_from_elsewhere_is_shown_or_gives_way(visitor: Visit) -> None:
    me = visitor()
    page, platform = me.page, me.servers.platform
    user = platform.user_named("li")

    def under_way(title: str) -> dict[str, Any]:
        row = platform.begin(user, "hr")
        row["title"] = title
        row["messages"].append(message_row("question", "received", title))
        return row

    row = under_way("别处")
    me.go(f"?c={row['id']}")
    expect(page.locator(".waiting")).to_be_visible()
    row["messages"][0]["status"] = "answered"
    row["messages"].append(message_row("answer", "answered", "从别处来") | {"question": ""})
    expect(page.locator(".content")).to_have_text("从别处来")
    expect(page.locator(".waiting")).to_have_count(0)
    # It gives way to another question, and comes back to its place beside it.
    row = under_way("又一个")
    me.go(f"?c={row['id']}")
    expect(page.locator(".waiting")).to_be_visible()
    me.ask("快")
    me.answered()
    expect(page.locator(".waiting")).to_have_count(0)
    expect(page.locator(".answer")).to_have_count(1)
    # And it is not looked for when the conversation is gone.
    row = under_way("会消失")
    me.go(f"?c={row['id']}")
    expect(page.locator(".waiting")).to_be_visible()
    del user.conversations[row["id"]]
    expect(page.locator(".welcome h1")).to_have_text("没有这个对话")


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
