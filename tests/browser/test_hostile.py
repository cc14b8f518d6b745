"""What an attacker writes into a document, a name, a question or an answer is text, wherever it comes up."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, sign_in
from tests.browser.rest import Person
from tests.e2e.conftest import Platform
from tests.fakes.engine import Answer, FakeEngine

NAME = f"=1+1 {HOSTILE}"
SAID = "青鸾计划的期限为三十日"
# In an answer: a picture that would tell somebody that it was read, a link that runs, and elements of the page.
ANSWER = (
    f"{SAID}[1]。{HOSTILE} ![p](http://192.0.2.1/pixel.png) [press](javascript:alert(1)) "
    "<iframe src=http://192.0.2.1></iframe> <style>body{display:none}</style>"
)


@dataclass(frozen=True, slots=True)
class Planted:
    document: str
    assistant: str
    base: str


@pytest.fixture(scope="module")
def planted(rest: Person) -> Iterator[Planted]:
    """A document and an assistant that bear the marks, in a base that bears them too."""
    base = rest.post("knowledge-bases", name=NAME, department="finance")["id"]
    content = f"# {HOSTILE}\n\n第一条 {SAID}。<script>alert(1)</script> ![p](http://192.0.2.1/p.png)\n"
    [document] = rest.upload_until_ready(base=base, files={f"{HOSTILE[:-1]}.md": content.encode()})
    slug = f"h{uuid4().hex[:8]}"
    rest.post(
        "assistants",
        slug=slug,
        department="finance",
        name=NAME,
        greeting=HOSTILE,
        opening_questions=[f"{HOSTILE} {SAID[:4]}"],
        knowledge_bases=[base],
    )
    yield Planted(document, slug, base)
    rest.delete(f"assistants/{slug}")
    rest.delete(f"knowledge-bases/{base}")


def harmless(page: Page) -> None:
    """Nothing of it became an element."""
    assert (
        page.locator(
            "img[src=x], img[src*='192.0.2.1'], iframe, main script:not([type='application/json']), a[href^=javascript]"
        ).count()
        == 0
    )
    expect(page.locator("body")).to_be_visible()


def test_in_the_console(admin: Page, planted: Planted) -> None:
    for path, shown in (
        ("/knowledge/", NAME),
        (f"/knowledge/{planted.base}/", NAME),
        (f"/documents/{planted.document}/", HOSTILE),
        ("/assistants/", NAME),
        (f"/assistants/{planted.assistant}/", NAME),
        (f"/assistants/{planted.assistant}/versions/", NAME),
        (f"/hit-testing/?q={SAID}", HOSTILE),
        (f"/search/?q={HOSTILE}", HOSTILE),
        (f"/people/?q={HOSTILE}", ""),
        (f"/audit/?q={HOSTILE}", HOSTILE),
    ):
        admin.goto(path)
        admin.wait_for_load_state("networkidle")
        if shown:
            expect(admin.locator("main")).to_contain_text(shown)
        harmless(admin)
    admin.goto(f"/documents/{planted.document}/")
    expect(admin.locator(".passage__text").first).to_contain_text("<script>alert(1)</script>")
    assert_accessible(admin)


def test_in_the_chat_and_in_exports(
    admin: Page,
    planted: Planted,
    engine: FakeEngine,
    open_browser: Callable[..., BrowserContext],
    stack: Platform,
) -> None:
    page = open_browser().new_page()
    sign_in(page, **stack.access["admin"], wanted=f"/chat/?assistant={planted.assistant}")
    page.goto(f"/chat/?assistant={planted.assistant}")
    expect(page.locator(".example")).to_contain_text(HOSTILE)
    harmless(page)
    script = engine.answers
    engine.answers = Answer(text=ANSWER, reasoning=f"{HOSTILE} <script>alert(1)</script>")
    try:
        page.fill("#question", f"{SAID[:4]}的期限是多少？{HOSTILE}")
        page.keyboard.press("Enter")
        page.locator(".answer .actions").wait_for(timeout=60_000)
    finally:
        engine.answers = script
    expect(page.locator(".answer")).to_contain_text("三十日")
    page.locator(".source").first.click()
    expect(page.locator(".panel .cited")).to_contain_text("<script>alert(1)</script>")
    harmless(page)
    page.reload()
    expect(page.locator(".answer")).to_contain_text("三十日")
    harmless(page)
    admin.goto("/usage/?group_by=assistant")
    expect(admin.locator("#usage")).to_contain_text(NAME)
    harmless(admin)
    with admin.expect_download() as begun:
        admin.get_by_role("link", name="导出 CSV").click()
    rows = list(csv.reader(StringIO(Path(begun.value.path()).read_text(encoding="utf-8-sig"))))
    assert f"'{NAME}" in [cell for row in rows for cell in row]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
