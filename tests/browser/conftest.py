"""The platform as `make up` starts it, with an engine that is scripted, and a real browser in front of it.

Every page is watched: an error in its console, a breach of its policy or a request to another host fails the test.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.browser import accessibility, chromium
from tests.browser.reader import MODEL, read
from tests.browser.rest import Person
from tests.browser.watch import Watch
from tests.e2e.conftest import KEPT, ROOT, STOP_SECONDS, Platform, free_port, until_ready
from tests.fakes.engine import FakeEngine

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SECONDS = 20_000
# In names and texts of every kind: it must be shown as it is.
HOSTILE = "<img src=x onerror=alert(1)>"
# Where the guides' pictures are; written by `make screenshots`, never by an ordinary run.
PICTURES = os.environ.get("KAREZ_SCREENSHOTS", "")


@pytest.fixture(scope="session")
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(models=(MODEL,), answers=read) as running:
        yield running


@contextmanager
def started(state: Path, **variables: str) -> Iterator[str]:
    """The platform on this state, as `make up` starts it; gives what it said until it was ready."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAREZ_") or k in KEPT}
    environment |= {"KAREZ_STATE_DIR": str(state), "KAREZ_PORT": str(free_port()), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded", "up"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        transcript = "".join(until_ready(process))
        threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()
        yield transcript
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, engine: FakeEngine) -> Iterator[Platform]:
    """With the demonstration tenant."""
    state = tmp_path_factory.mktemp("browser state")
    with started(state, KAREZ_ENGINES=engine.base_url) as transcript:
        access = json.loads((state / "access.json").read_text(encoding="utf-8"))
        yield Platform(base_url=access["base_url"], access=access, state=state, transcript=transcript)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium.find()
    if path is None:
        pytest.skip(chromium.MISSING)
    return {**browser_type_launch_args, "executable_path": path, "args": chromium.ARGUMENTS}


@pytest.fixture
def watch(stack: Platform) -> Iterator[Watch]:
    """Watches every page of the test, and fails it at its end."""
    watching = Watch(host=urlsplit(stack.base_url).netloc)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def open_browser(browser: Browser, stack: Platform, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
    """`open_browser(language="en", theme="dark", phone=True)`: a new person's browser."""
    opened: list[BrowserContext] = []

    def begin(*, language: str = "zh-CN", theme: str = "light", phone: bool = False) -> BrowserContext:
        context = browser.new_context(
            base_url=stack.base_url,
            locale=language,
            timezone_id="Asia/Shanghai",
            color_scheme="dark" if theme == "dark" else "light",
            viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]  # playwright's own TypedDict
            has_touch=phone,
        )
        context.set_default_timeout(SECONDS)
        context.on("page", watch.attach)
        opened.append(context)
        return context

    yield begin
    for context in opened:
        context.close()


@pytest.fixture
def admin(open_browser: Callable[..., BrowserContext], stack: Platform) -> Page:
    """The demonstration tenant's administrator, signed in, in Chinese, on a wide screen."""
    return sign_in(open_browser().new_page(), **stack.access["admin"])


@pytest.fixture(scope="session")
def rest(stack: Platform) -> Iterator[Person]:
    """The same administrator through the API: for what a test needs and does not test."""
    person = Person(base_url=stack.base_url, **stack.access["admin"])
    yield person
    person.http.close()


# Cookies by address and person: an address may sign in ten times a minute, and the tests are faster than that.
_SESSIONS: dict[tuple[str, str], list[dict[str, Any]]] = {}


def sign_in(page: Page, *, email: str, password: str, wanted: str = "/") -> Page:
    """In the session that the person already has, if it has not ended. `wanted`: where to go then. The context's base
    address must be the platform's.
    """
    page.goto(f"/sign-in?next={wanted}")
    key = "{0.scheme}://{0.netloc}".format(urlsplit(page.url)), email
    if key in _SESSIONS:
        page.context.add_cookies(_SESSIONS[key])  # type: ignore[arg-type]  # playwright's own TypedDict
        page.goto(f"/sign-in?next={wanted}")  # leads on at once who is signed in
    if "/sign-in" in page.url:
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", password)
        page.click("main form button")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        cookies = page.context.cookies()
        _SESSIONS[key] = [dict(cookie) for cookie in cookies if cookie["name"] == "sessionid"]
    return page


def choose(page: Page, select: str, text: str) -> None:
    """The option that has this text in it; of a long list, by typing the text."""
    page.wait_for_load_state()
    finder = page.locator(f".finder:has({select}) .finder__input")
    if finder.count():
        finder.click()
        finder.fill(text)
        finder.press("Enter")
        return
    value = page.locator(f"{select} option", has_text=text).first.get_attribute("value")
    page.select_option(select, value)


def submit_twice(page: Page, button: str) -> None:
    """A double click on the button of the page's form."""
    page.wait_for_load_state("networkidle")  # the page's scripts have run then
    page.locator("main").get_by_role("button", name=button).dblclick()
    page.wait_for_load_state("networkidle")


def assert_accessible(page: Page) -> None:
    assert accessibility.violations(page) == []


def picture(page: Page, name: str, *, of: Locator | None = None) -> None:
    """For the guides, as `<name>.zh-CN.png` or `<name>.en.png`, by the browser's language; nothing unless pictures are
    asked for. `of`: this part of the page alone.
    """
    if not PICTURES:
        return
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    language = "zh-CN" if page.evaluate("navigator.language").startswith("zh") else "en"
    taken = of.screenshot(animations="disabled") if of else page.screenshot(animations="disabled")
    with Image.open(BytesIO(taken)) as whole:
        # A console of few colours loses nothing by a palette, and three quarters of its bytes.
        whole.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            Path(PICTURES) / f"{name}.{language}.png", optimize=True
        )
