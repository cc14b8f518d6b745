"""What a person does on a good day."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.fakes.platform_answers import PASSAGES
from tests.frontend.chat.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def test_an_example_is_asked_answered_and_cited(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    expect(page.locator(".welcome h1")).to_have_text("人事助手")
    expect(page).to_have_title("人事助手")
    page.locator(".example").first.click()
    expect(page.locator(".reasoning.going summary")).to_contain_text("思考中")
    expect(page.locator(".send")).to_have_attribute("aria-label", "停止回答")
    me.answered()
    expect(page.locator(".reasoning summary")).to_contain_text(re.compile(r"已思考 \d+ 秒"))
    assert page.locator(".reasoning").get_attribute("open") is None
    expect(page.locator(".content table td").first).to_have_text("1–10 年")
    expect(page.locator(".math-set .katex").first).to_be_visible()
    expect(page.locator(".sources li")).to_have_count(2)
    expect(page.locator(".conversations .current")).to_contain_text("工作满 10 年")
    expect(page).to_have_url(re.compile(r"/chat/\?c=[0-9a-f-]{36}$"))


def test_a_citation_opens_its_passage_and_its_page(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("年假有几天？")
    me.answered()
    cite = page.locator(".cite").first
    expect(cite).to_have_attribute("aria-label", "出处 1：员工休假管理办法（2025 版）.pdf")
    cite.focus()
    page.keyboard.press("Enter")
    panel = page.locator(".panel")
    expect(panel.locator("h2")).to_have_text("员工休假管理办法（2025 版）.pdf")
    expect(panel.locator(".cited mark")).to_have_text(PASSAGES[2])
    expect(panel.locator(".passage")).to_have_count(5)
    image = panel.locator("img.page-image")
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") == 900
    link = panel.get_by_role("link", name="下载原文")
    assert (link.get_attribute("href") or "").endswith(
        "/content"
    )  # the file; with a page it would be its text as JSON
    assert link.get_attribute("download") == ""
    panel.get_by_role("button", name="出处 2").click()
    expect(panel.locator(".cited mark")).to_have_text(PASSAGES[1])
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_passage_over_two_pages_shows_both(visitor: Visit) -> None:
    me = visitor()
    panel = me.page.locator(".panel")
    me.servers.platform.changed_passages[3] = {"page_end": 5}
    me.ask("年假有几天？")
    me.answered()
    me.page.locator(".cite").first.click()
    expect(panel.locator(".panel-title p")).to_have_text("第 4–5 页 · 第三章 休假")
    images = panel.locator("img.page-image")
    expect(images).to_have_count(2)
    assert [image.get_attribute("alt") for image in images.all()] == [
        "员工休假管理办法（2025 版）.pdf，第 4 页",
        "员工休假管理办法（2025 版）.pdf，第 5 页",
    ]
    panel.get_by_role("button", name="出处 2").click()
    expect(panel.locator(".panel-title p")).to_have_text("第 4 页 · 第三章 休假")
    expect(images).to_have_count(1)


def test_a_table_of_a_passage_is_a_table_and_nothing_of_it_is_markup(visitor: Visit) -> None:
    me = visitor()
    panel = me.page.locator(".panel")
    hostile = "<img src=x onerror='window.pwned=6'>"
    me.servers.platform.changed_passages[3] = {
        "text": f"第十三条 年休假：\n| 工龄 | 天数 |\n| 10年 | {hostile} |\n| 20年 | 15 |\n附则。\n| 只有一行 | x |"
    }
    me.ask("年假有几天？")
    me.answered()
    me.page.locator(".cite").first.click()
    cited = panel.locator(".passage.cited")
    expect(cited.locator("th")).to_have_text(["工龄", "天数"])
    expect(cited.locator("td")).to_have_text(["10年", hostile, "20年", "15"])
    expect(cited.locator("mark")).to_have_text(["第十三条 年休假：", "附则。", "| 只有一行 | x |"])
    assert me.page.evaluate("window.pwned") is None
    assert panel.locator(".passages img").count() == 0


def test_a_source_that_is_gone_is_told_from_one_that_cannot_be_read_now(visitor: Visit) -> None:
    me = visitor()
    page, failures = me.page, me.servers.platform.failures
    me.ask("年假有几天？")
    me.answered()
    panel = page.locator(".panel")

    def opened(passages: int, pages: int, code: str = "not_found") -> None:
        failures.clear()
        failures["/passages"] = {"status": passages, "code": code}
        failures["/pages/"] = {"status": pages, "code": code}
        page.locator(".cite").first.click()

    opened(404, 404)
    expect(panel.locator(".passages")).to_contain_text("以上是回答时的引文")
    expect(panel.locator("mark")).to_have_text(PASSAGES[2])
    expect(panel.locator(".panel-page")).to_have_count(0)
    expect(panel.get_by_role("link", name="下载原文")).to_be_hidden()
    expect(panel.get_by_role("button", name="重试")).to_have_count(0)
    opened(503, 503, "database_unavailable")
    expect(panel.locator(".panel-problem")).to_have_text(
        [re.compile("读不到原文"), re.compile("读不到页面图像")]
    )
    failures.clear()
    panel.get_by_role("button", name="重试").first.click()
    expect(panel.locator(".passage")).to_have_count(5)
    panel.get_by_role("button", name="重试").click()
    expect(panel.locator("img.page-image")).to_be_visible()
    opened(410, 404, "page_not_rendered")
    expect(panel.locator(".panel-page")).to_contain_text("没有页面图像")


def test_enter_sends_and_shift_enter_goes_on(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.locator("#question").press_sequentially("快")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("第二行")
    page.keyboard.press("Enter")
    me.answered()
    expect(page.locator(".bubble")).to_have_text("快\n第二行")
    expect(page.locator("#question")).to_have_value("")
    expect(page.locator("#question")).to_be_focused()


def test_the_enter_of_an_input_method_sends_nothing(visitor: Visit) -> None:
    me = visitor()
    me.page.fill("#question", "nianjia")
    me.page.locator("#question").evaluate(
        "area => area.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    me.page.wait_for_timeout(200)
    expect(me.page.locator(".question")).to_have_count(0)


def test_stop_keeps_what_was_said_and_again_asks_anew(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("慢慢说")
    page.locator(".content .block").first.wait_for()
    page.keyboard.press("Escape")
    expect(page.locator(".stopped")).to_have_text("回答已停止，出处还没有核对。")
    page.get_by_role("button", name="重新回答").click()
    expect(page.locator(".reasoning.going")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(1)
    page.get_by_role("button", name="停止回答").click()
    expect(page.locator(".stopped")).to_be_visible()
    assert me.servers.platform.hung_up == 2


def test_what_was_stopped_before_its_first_word_offers_another_try(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("慢慢说")
    page.locator(".reasoning.going").wait_for()
    page.keyboard.press("Escape")
    for _time in ("live", "reloaded"):
        notice = page.locator(".notice.stopped")
        expect(notice).to_contain_text("回答已停止")
        expect(notice).to_contain_text("还没有写出内容。问题已保留。")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator(".answer .actions")).to_have_count(0)
        page.reload()
    page.locator(".notice.stopped").get_by_role("button", name="重试").click()
    page.locator(".content .block").first.wait_for()
    expect(page.locator(".notice.stopped")).to_have_count(0)
    expect(page.locator(".question")).to_have_count(1)
    expect(page.locator(".answer")).to_have_count(1)


# A browser reports that it scrolled before it reports what grew, so both are done here in one go.
_GROW = """() => new Promise((done) => {
    const scroller = document.querySelector(".scroller");
    const more = document.createElement("div");
    more.style.height = "400px";
    scroller.firstElementChild.append(more);
    scroller.dispatchEvent(new Event("scroll"));
    const left = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    requestAnimationFrame(() => requestAnimationFrame(() => done(left())));
})"""


def test_the_end_of_an_answer_stays_in_sight_until_somebody_scrolls_up(visitor: Visit) -> None:
    me = visitor()
    me.ask("年假有几天？")
    me.answered()
    assert me.page.evaluate(_GROW) < 2
    assert me.page.evaluate(_GROW) < 2
    me.page.mouse.move(900, 400)
    me.page.mouse.wheel(0, -300)
    me.page.wait_for_timeout(500)
    left = me.page.evaluate("document.querySelector('.scroller').scrollTop")
    assert me.page.evaluate(_GROW) > 600
    assert me.page.evaluate("document.querySelector('.scroller').scrollTop") == left


def test_feedback_is_there_after_a_reload(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("快")
    me.answered()
    page.get_by_role("button", name="没有帮助").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("不完整").check()
    dialog.get_by_role("textbox").fill("少了一条")
    dialog.get_by_role("button", name="提交").click()
    expect(page.locator(".toast")).to_have_text("谢谢您的反馈")
    page.reload()
    expect(page.get_by_role("button", name="没有帮助")).to_have_attribute("aria-pressed", "true")
    (conversation,) = me.servers.platform.user_named("li").conversations.values()
    assert conversation["messages"][1]["feedback"] == {
        "rating": "down",
        "reasons": ["incomplete"],
        "comment": "少了一条",
    }
    page.get_by_role("button", name="没有帮助").click()
    expect(page.get_by_role("button", name="没有帮助")).to_have_attribute("aria-pressed", "false")


def test_conversations_are_found_named_and_deleted(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.seed(me.servers.platform.user_named("li"))
    page.reload()
    expect(page.locator(".conversations h2")).to_have_text(["今天", "昨天", "7 天内", "30 天内", "更早"])
    page.get_by_role("searchbox").fill("报销")
    expect(page.locator(".conversation")).to_have_text(["差旅费怎么报销"])
    page.get_by_role("searchbox").fill("没有这种")
    expect(page.locator(".empty-list")).to_have_text("没有找到“没有这种”")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="“差旅费怎么报销”的操作").click()
    page.get_by_role("menuitem", name="重命名").click()
    page.get_by_role("textbox", name="重命名").fill("差旅")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="差旅", exact=True)).to_be_focused()
    page.get_by_role("link", name="差旅", exact=True).click()
    me.answered()
    page.get_by_role("button", name="“差旅”的操作").click()
    page.get_by_role("menuitem", name="删除").click()
    page.get_by_role("dialog").get_by_role("button", name="删除").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.get_by_role("link", name="差旅", exact=True)).to_have_count(0)
    titles = [row["title"] for row in me.servers.platform.user_named("li").conversations.values()]
    assert len(titles) == 6
    assert "差旅" not in titles


def test_a_search_that_was_overtaken_changes_nothing(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.seed(me.servers.platform.user_named("li"))
    page.reload()
    held: list[Route] = []

    def hold(route: Route) -> None:
        if '"query":"差旅"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/run/conversations", hold)
    box = page.get_by_role("searchbox")
    with page.expect_request("**/run/conversations"):
        box.fill("差旅")
    box.fill("试用")
    expect(page.locator(".conversation")).to_have_text(["试用期可以延长吗"])
    with page.expect_response("**/run/conversations"):
        held[0].continue_()
    page.wait_for_timeout(200)
    expect(page.locator(".conversation")).to_have_text(["试用期可以延长吗"])


def test_links_lead_into_assistants_and_conversations_and_back(visitor: Visit) -> None:
    me = visitor(query="?assistant=finance")
    page = me.page
    expect(page.locator(".welcome h1")).to_have_text("财务助手")
    me.ask("快：第一")
    me.answered()
    first = page.url
    me.new()
    expect(page.locator(".welcome h1")).to_have_text("财务助手")
    me.ask("快：第二")
    me.answered()
    page.go_back()
    expect(page.locator(".bubble")).to_have_text("快：第一")
    assert page.url == first
    page.reload()
    expect(page.locator(".bubble")).to_have_text("快：第一")
    expect(page.locator(".top p")).to_have_text("财务助手")
    me.go("?c=0198f0aa-0000-7000-8000-00000000dead")
    expect(page.locator(".welcome h1")).to_have_text("没有这个对话")


def test_another_assistant_has_its_colours(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.get_by_role("button", name="选择助手").click()
    page.get_by_role("menuitemradio", name="财务助手").click()
    expect(page.locator(".welcome h1")).to_have_text("财务助手")
    assert page.evaluate("document.documentElement.style.getPropertyValue('--accent')") == "#b45309"


@pytest.mark.parametrize("kept", ["", "auto"])  # what the console keeps at the same place for the system's
def test_the_systems_theme_is_ticked_until_another_is_chosen(visitor: Visit, kept: str) -> None:
    me = visitor(theme="dark")
    page = me.page
    page.evaluate("kept => localStorage.setItem('karez-theme', kept)", kept)
    page.reload()
    page.locator(".user").click()
    ticked = page.locator(".menu [role=menuitemradio][aria-checked=true]")
    expect(ticked).to_have_text(["简体中文", "跟随系统"])
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("menuitemradio", name="浅色").click()
    page.locator(".user").click()
    expect(ticked).to_have_text(["简体中文", "浅色"])


def test_the_language_and_the_theme_are_chosen_and_stay(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.locator(".user").click()
    page.get_by_role("menuitemradio", name="深色").click()
    page.fill("#question", "写了一半")
    page.locator(".user").click()
    page.get_by_role("menuitemradio", name="English").click()
    expect(page.locator(".new")).to_have_text("New conversation")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dataset.theme]") == [
        "en",
        "dark",
    ]
    expect(page.locator("#question")).to_have_value("写了一半")
    page.locator(".user").click()
    expect(page.get_by_role("menuitem", name="Console")).to_have_attribute("href", "/")


def test_the_systems_appearance_chosen_in_the_console_holds_here(visitor: Visit) -> None:
    page = visitor(theme="dark").page
    page.evaluate("localStorage.setItem('karez-theme', 'auto')")
    page.reload()
    page.locator(".user").click()
    expect(page.get_by_role("menuitemradio", name="跟随系统")).to_have_attribute("aria-checked", "true")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{theme} === 'light'")


def test_who_may_not_use_the_console_is_not_led_there(visitor: Visit) -> None:
    me = visitor("zhang")
    me.page.locator(".user").click()
    expect(me.page.get_by_role("menuitem")).to_have_text(["姓名与密码", "退出登录"])
    me.page.get_by_role("menuitem", name="退出登录").click()
    me.page.wait_for_url(re.compile("/sign-in"))
    assert me.servers.platform.sessions == {}
