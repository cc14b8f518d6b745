"""Below a path of a host that has other things on it."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.frontend.chat.browser.conftest import Visitor
from tests.frontend.chat.servers import Servers, running_servers

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(state_dir=tmp_path_factory.mktemp("chat"), prefix="/llm") as servers:
        yield servers


def test_everything_stays_below_it(visitor: Visit) -> None:
    me = visitor()
    page = me.page
    outside: list[str] = []
    page.on(
        "request",
        # The image of a page is shown from the browser's own memory, as a blob.
        lambda sent: (
            None if sent.url.startswith((f"{me.servers.base}/llm/", "blob:")) else outside.append(sent.url)
        ),
    )
    page.reload()
    me.ask("年假有几天？")
    me.answered()
    expect(page).to_have_url(re.compile(r"/llm/chat/\?c="))
    page.locator(".cite").first.click()
    expect(page.locator("img.page-image")).to_have_js_property("naturalWidth", 900)
    expect(page.get_by_role("link", name="下载原文")).to_have_attribute(
        "href", re.compile("^/llm/api/v1/documents/")
    )
    page.keyboard.press("Escape")
    page.locator("input[type=file]").set_input_files(
        [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}]
    )
    page.locator(".file").wait_for()
    page.locator(".user").click()
    expect(page.get_by_role("menuitem", name="管理控制台")).to_have_attribute("href", "/llm/")
    page.get_by_role("menuitemradio", name="English").click()
    expect(page.locator(".new")).to_have_text("New conversation")
    me.servers.platform.sessions.clear()
    me.servers.platform.tokens.clear()
    # Unless the file that is being followed tells it first: then the notice lies over everything.
    page.locator("input[type=search]").fill("x")
    expect(page.get_by_role("link", name="Sign in again")).to_have_attribute(
        "href", re.compile("^/llm/sign-in")
    )
    assert outside == []
