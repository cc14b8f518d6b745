"""`make screenshots`: every section as its users see it, in both languages, for the guides.

Not a part of an ordinary run, whose tests look at the same pages.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PICTURES, picture, sign_in
from tests.browser.guides.chinese import CHINESE
from tests.browser.guides.content import Content, Told
from tests.browser.guides.english import ENGLISH
from tests.browser.guides.script import Script
from tests.browser.guides.stage import BROKEN, Stage, set_stage
from tests.browser.watch import Watch
from tests.e2e.conftest import Platform
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.skipif(not PICTURES, reason="pictures are taken by `make screenshots`")
Opener = Callable[..., BrowserContext]
ANSWER_SECONDS = 60_000


@pytest.fixture(scope="module", params=[CHINESE, ENGLISH], ids=lambda content: content.language)
def stage(request: pytest.FixtureRequest, stack: Platform, engine: FakeEngine) -> Iterator[Stage]:
    content: Content = request.param
    before = engine.answers
    engine.answers = Script((*content.asked, content.shown, content.sourced, content.attached))
    yield set_stage(stack, content)
    engine.answers = before


@pytest.fixture
def opened(open_browser: Opener, stage: Stage) -> Callable[..., Page]:
    """`opened("/people/")`: the page, signed in as the administrator."""

    def begin(wanted: str, **given: object) -> Page:
        page = open_browser(language=stage.content.language, **given).new_page()
        sign_in(page, **stage.credentials, wanted=wanted)
        page.goto(wanted)
        page.wait_for_load_state("networkidle")
        return page

    return begin


@pytest.fixture
def page(opened: Callable[..., Page]) -> Page:
    return opened("/")


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_the_way_in(open_browser: Opener, language: str) -> None:
    page = open_browser(language=language).new_page()
    page.goto("/sign-in")
    picture(page, "sign-in")


def test_overview_and_search(page: Page, stage: Stage) -> None:
    picture(page, "overview")
    page.goto("/usage/")
    picture(page, "usage")
    page.keyboard.press("Control+k")
    page.keyboard.type(stage.content.found)
    expect(page.locator("#palette .palette__hit", has_text=stage.content.found).first).to_be_visible()
    picture(page, "search")


def test_knowledge(page: Page, stage: Stage, watch: Watch) -> None:
    base_name, document, passage = stage.content.document
    base = f"/knowledge/{stage.bases[base_name]}/"
    stage.administrator.upload(base=stage.bases[base_name], name="scan-2025-11.pdf", content=BROKEN)
    page.goto("/knowledge/")
    picture(page, "knowledge-bases")
    page.goto(f"{base}?q={document}")
    page.locator("#documents td.main a").first.click()
    page.wait_for_load_state("networkidle")
    page.locator(".passage", has_text=passage).first.locator("[data-passage]").click()
    expect(page.locator("[data-page-image]")).to_have_attribute("src", re.compile("highlight"))
    picture(page, "document")
    page.goto("/hit-testing/")
    page.locator("[name=q]").last.fill(stage.content.hit)
    page.keyboard.press("Enter")
    expect(page.locator(".hit mark").first).to_be_visible()
    picture(page, "hit-testing")
    watch.allowed_statuses.add(422)
    page.goto(base)
    page.wait_for_load_state("networkidle")
    names = _file_names(stage.content)
    page.locator("[data-input=files]").set_input_files(
        [{"name": name, "mimeType": "text/markdown", "buffer": text.encode()} for name, text in names.items()]
    )
    expect(page.locator(".uploads__row[data-state=ready]")).to_have_count(len(names) - 1, timeout=30_000)
    picture(page, "knowledge-upload")
    page.goto("/jobs/?status=")
    picture(page, "jobs")


def _file_names(content: Content) -> dict[str, str]:
    if content.language.startswith("zh"):
        titles = (
            "交接班制度",
            "巡回检查制度",
            "设备定期试验与轮换制度",
            "防误闭锁管理规定",
            "运行日志填写规范",
        )
        body = "第一条 本制度适用于全部运行值班人员，由电力生产部负责解释，自印发之日起施行。"
    else:
        titles = (
            "Shift handover",
            "Inspection rounds",
            "Periodic tests of equipment",
            "Interlocking rules",
            "Keeping the log",
        )
        body = "1.1 This rule applies to everybody on duty. The Power Operations department explains it."
    files = {f"{title}.md": f"# {title}\n\n{body}\n" for title in titles}
    return {**files, ("空白附件.md" if content.language.startswith("zh") else "empty attachment.md"): ""}  # fmt: skip


def test_assistants(page: Page, stage: Stage) -> None:
    told = stage.content.shown
    editor = f"/assistants/{told.assistant}/"
    page.goto("/assistants/")
    expect(page.locator(f"#week-{told.assistant}")).not_to_have_text("…")
    picture(page, "assistants")
    page.goto(editor)
    page.wait_for_load_state("networkidle")
    page.fill("[name=instructions]", stage.content.instructions)
    picture(page, "assistant-editor")
    page.fill("#try-question", told.question)
    page.press("#try-question", "Enter")
    run = page.locator(".run").first
    expect(run.locator(".run__facts")).to_contain_text("ms")
    run.locator("[data-slot=search] summary").click()
    picture(page, "assistant-try")
    page.goto(f"{editor}access/")
    page.locator("[name=departments]:not(:checked)").first.check()
    picture(page, "assistant-access")
    page.goto("/conversations/")
    picture(page, "conversations")
    page.goto(f"/conversations/{stage.reviewed}/")
    picture(page, "conversation")
    page.goto("/feedback/")
    picture(page, "feedback")


def test_organisation(page: Page, stage: Stage) -> None:
    page.goto("/people/")
    picture(page, "people")
    page.goto("/people/import")
    page.locator("input[type=file]").set_input_files(
        [{"name": "people.csv", "mimeType": "text/csv", "buffer": stage.content.imported.encode()}]
    )
    page.click("main form .button--primary")
    expect(page.locator(".import-lines tbody tr")).to_have_count(5)
    picture(page, "people-import")
    page.goto("/departments/")
    picture(page, "departments")
    page.goto(f"/departments/{stage.content.brand[0]}/")
    picture(page, "department-brand")
    page.goto("/api-keys/")
    picture(page, "api-keys")
    page.goto("/audit/")
    picture(page, "audit")
    page.goto("/requests/")
    picture(page, "requests")
    page.goto("/limits/add")
    page.locator("select[name=department]").select_option(index=1)
    for name, value in (("requests_per_minute", "60"), ("tokens_per_minute", "200000"), ("concurrency", "8")):
        page.locator(f"input[name={name}]").fill(value)
    page.click("main form .button--primary")
    expect(page.locator(".limits").first).to_be_visible()
    picture(page, "limits")
    page.goto("/models/")
    expect(page.locator(".badge--good").first).to_be_visible()
    picture(page, "models")


def _ask(page: Page, told: Told) -> None:
    page.fill("#question", told.question)
    page.keyboard.press("Enter")
    page.locator(".answer .actions").wait_for(timeout=ANSWER_SECONDS)
    page.locator(".source").first.wait_for()


def _chat(opened: Callable[..., Page], told: Told, **given: object) -> Page:
    page = opened(f"/chat/?assistant={told.assistant}", **given)
    page.wait_for_selector(".karez .composer")
    return page


def test_chat(opened: Callable[..., Page], stage: Stage) -> None:
    page = _chat(opened, stage.content.shown)
    picture(page, "chat-start")
    _ask(page, stage.content.shown)
    picture(page, "chat-answer")
    page.locator(".answer .actions button[aria-pressed]").nth(1).click()
    dialog = page.get_by_role("dialog")
    dialog.locator("label").nth(1).click()
    dialog.get_by_role("textbox").fill(stage.content.complaint)
    picture(page, "chat-feedback")
    page.keyboard.press("Escape")
    page = _chat(opened, stage.content.sourced)
    _ask(page, stage.content.sourced)
    page.locator(".source").first.click()
    expect(page.locator(".panel .cited mark")).to_be_visible()
    expect(page.locator(".page-button.loaded img")).to_be_visible()
    picture(page, "chat-source")


def test_chat_with_a_file(opened: Callable[..., Page], stage: Stage) -> None:
    page = _chat(opened, stage.content.attached)
    name, text = stage.content.attachment
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "text/plain", "buffer": text.encode()}]
    )
    _ask(page, stage.content.attached)
    picture(page, "chat-files")


def test_chat_on_a_phone(opened: Callable[..., Page], stage: Stage) -> None:
    page = _chat(opened, stage.content.shown, phone=True)
    _ask(page, stage.content.shown)
    picture(page, "chat-phone")
