"""Files of a conversation: from the browser to the platform, and nowhere else."""

from collections.abc import Callable

from playwright.sync_api import FilePayload, expect

from tests.frontend.chat.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def file(name: str, size: int = 100) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": b"x" * size}


def test_a_file_goes_to_the_platform_and_the_question_waits_for_it(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    page.locator("input[type=file]").set_input_files([file("合同.txt")])
    expect(page.locator(".file-state")).to_contain_text("正在")
    me.ask("快：合同里写了什么")
    expect(page.locator(".wait-note")).to_contain_text("完成后自动发送")
    expect(page.locator(".question")).to_have_count(0)
    me.answered()
    expect(page.locator(".file-state")).to_have_text("可以提问")
    uploads = [
        sent
        for sent in me.servers.platform.requests
        if sent["method"] == "POST" and sent["path"].endswith("/files")
    ]
    assert len(uploads) == 1
    assert uploads[0]["headers"]["x-csrftoken"] == "c" * 32
    assert "authorization" not in uploads[0]["headers"]
    assert uploads[0]["headers"]["x-karez-tenant"] == "t1"
    page.reload()
    expect(page.locator(".file-name")).to_have_text("合同.txt")


def test_who_does_not_want_to_wait_need_not(visitor: Visit) -> None:
    me = visitor()
    me.servers.platform.file_seconds = 60
    me.page.locator("input[type=file]").set_input_files([file("合同.txt")])
    me.ask("快")
    me.page.get_by_role("button", name="移除未完成的附件并发送").click()
    me.answered()
    expect(me.page.locator(".file")).to_have_count(0)
    assert list(me.servers.platform.user_named("li").files.values()) == [[]]


def test_failures_are_told_at_the_file_and_it_can_be_removed(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.file_seconds = 0.2
    page.locator("input[type=file]").set_input_files(
        [file("坏<img src=x onerror=alert(1)>.txt"), file("好.txt")]
    )
    expect(page.locator(".file.failed .file-state")).to_have_text("文件已损坏，无法读取。")
    expect(page.locator(".file.ready .file-name")).to_have_text("好.txt")
    assert page.locator(".files img").count() == 0
    with page.expect_response("**/run/file_remove"):
        page.locator(".file.failed").get_by_role("button").click()
    expect(page.locator(".file")).to_have_count(1)
    (files,) = me.servers.platform.user_named("li").files.values()
    assert [row["name"] for row in files] == ["好.txt"]


def test_what_the_platform_refuses_is_told(visitor: Visit) -> None:
    me = visitor()
    me.ask("快")
    me.answered()
    me.servers.platform.failures["/files"] = {"status": 415, "message": "不支持 .exe 文件。"}
    me.page.locator("input[type=file]").set_input_files([file("a.exe")])
    expect(me.page.locator(".file.failed .file-state")).to_have_text("不支持 .exe 文件。")


def test_a_dropped_file_is_attached(visitor: Visit) -> None:
    me = visitor()
    transfer = me.page.evaluate_handle(
        "() => { const held = new DataTransfer(); held.items.add(new File(['x'], '拖.txt')); return held; }"
    )
    me.page.dispatch_event(".karez", "dragover", {"dataTransfer": transfer})
    expect(me.page.locator(".drop-note")).to_be_visible()
    me.page.dispatch_event(".karez", "drop", {"dataTransfer": transfer})
    expect(me.page.locator(".file-name")).to_have_text("拖.txt")
    expect(me.page.locator(".drop-note")).to_be_hidden()


def test_a_question_waits_for_what_becomes_of_a_file_that_failed(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.file_seconds = 0.2
    page.locator("input[type=file]").set_input_files([file("坏.txt")])
    expect(page.locator(".file.failed")).to_be_visible()
    me.ask("快：第一个")
    expect(page.locator(".wait-note")).to_contain_text("没有处理成功")
    expect(page.locator("#question")).to_have_value("快：第一个")
    expect(page.locator(".question")).to_have_count(0)
    page.locator(".file.failed").get_by_role("button").click()
    me.answered()
    # Or it goes without the file, when that is what is wanted.
    page.locator("input[type=file]").set_input_files([file("坏.txt")])
    expect(page.locator(".file.failed")).to_be_visible()
    me.ask("快：第二个")
    page.get_by_role("button", name="移除未完成的附件并发送").click()
    me.answered(2)
    expect(page.locator(".bubble")).to_have_text(["快：第一个", "快：第二个"])
    expect(page.locator(".file")).to_have_count(0)
    expect(page.locator(".wait-note")).to_be_hidden()


def test_the_focus_stays_while_files_are_followed(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.servers.platform.file_seconds = 60
    page.locator("input[type=file]").set_input_files([file("甲.txt"), file("乙.txt")])
    expect(page.locator(".file.parsing")).to_have_count(2)
    button = page.get_by_role("button", name="移除“甲.txt”")
    button.focus()
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/run/files"))
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="移除“乙.txt”")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    expect(page.locator(".file")).to_have_count(0)


def test_a_file_on_a_page_of_another_organisation_is_answered_like_every_call(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    me.ask("快")
    me.answered()
    me.servers.platform.tenant = "t2"
    # Another tab, after the organisation was changed in the console.
    me.context.request.get(f"{me.servers.base}/chat/")
    me.servers.platform.failures["/files"] = {"status": 404, "code": "not_found"}
    page.locator("input[type=file]").set_input_files([file("合同.txt")])
    expect(page.get_by_role("dialog")).to_contain_text("已切换组织或账号")
