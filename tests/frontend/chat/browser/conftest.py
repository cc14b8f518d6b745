"""A headless Chromium in front of the chat process and the fake platform."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser import chromium
from tests.frontend.chat.servers import Servers

# What the browser says of answers that are meant to fail.
_STATUS = "Failed to load resource: the server responded with a status of"
SECONDS = 30_000


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium.find()
    if path is None:
        pytest.skip(chromium.MISSING)
    expect.set_options(timeout=SECONDS)
    return {**browser_type_launch_args, "executable_path": path, "args": chromium.ARGUMENTS}


@dataclass
class Visitor:
    """A person at a browser. What the browser complained of is checked at the end of the test."""

    page: Page
    context: BrowserContext
    servers: Servers
    complaints: list[str]

    def go(self, query: str = "") -> None:
        self.page.goto(f"{self.servers.base}{self.servers.prefix}/chat/{query}")
        try:
            # Hidden where there is nothing to ask, as in a conversation that is not there.
            self.page.wait_for_selector(".karez .composer", state="attached", timeout=SECONDS)
        except PlaywrightTimeout as error:
            shown = self.page.locator("body").inner_text()
            raise AssertionError(f"no page at {self.page.url}: {shown[:300]!r} {self.complaints}") from error

    def ask(self, text: str) -> None:
        self.page.fill("#question", text)
        self.page.keyboard.press("Enter")

    def answered(self, count: int = 1) -> None:
        """Until so many answers are whole."""
        self.page.locator(".answer .actions").nth(count - 1).wait_for(timeout=SECONDS)

    def new(self) -> None:
        self.page.locator(".new").click()
        self.page.wait_for_selector(".welcome")


@pytest.fixture
def visitor(browser: Browser, servers: Servers) -> Iterator[Callable[..., Visitor]]:
    """`visitor(user="li", language="zh-CN", width=1440, height=900, theme="light")`, signed in and on the page."""
    with ExitStack() as stack:
        visitors: list[Visitor] = []

        def make(
            user: str = "li",
            *,
            language: str = "zh-CN",
            width: int = 1440,
            height: int = 900,
            theme: str = "light",
            query: str = "",
        ) -> Visitor:
            context = browser.new_context(
                locale=language,
                timezone_id="Asia/Shanghai",
                viewport={"width": width, "height": height},
                color_scheme=theme,  # type: ignore[arg-type]
            )
            context.set_default_timeout(SECONDS)
            stack.callback(context.close)
            made = Visitor(context.new_page(), context, servers, [])
            listen(made)
            visitors.append(made)
            context.request.get(f"{servers.base}{servers.prefix}/sign-in?user={user}&next={servers.prefix}/")
            made.go(query)
            return made

        yield make
        assert [complaint for one in visitors for complaint in one.complaints] == []


def listen(visitor: Visitor) -> None:
    """Errors, refusals of the content security policy, and requests to anywhere else."""

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_STATUS):
            visitor.complaints.append(f"console: {message.text}")

    def request(sent: Request) -> None:
        if sent.url.startswith(("http", "ws")) and not sent.url.startswith(visitor.servers.base):
            visitor.complaints.append(f"another host: {sent.url}")

    visitor.page.on("console", console)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"script: {error}"))
    visitor.context.on("request", request)
