"""`make screenshots`: the wizard, on an empty platform for each language."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PICTURES, SECONDS, WIDE, picture, started
from tests.browser.guides.chinese import CHINESE
from tests.browser.guides.content import Content
from tests.browser.guides.english import ENGLISH
from tests.browser.test_setup import LINK, RULES
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.skipif(not PICTURES, reason="pictures are taken by `make screenshots`")


@pytest.fixture(params=[CHINESE, ENGLISH], ids=lambda content: content.language)
def content(request: pytest.FixtureRequest) -> Content:
    found: Content = request.param
    return found


@pytest.fixture
def page(tmp_path: Path, engine: FakeEngine, browser: Browser, content: Content) -> Iterator[Page]:
    with started(tmp_path / "state", KAREZ_ENGINES=engine.base_url, KAREZ_DEMO="0") as transcript:
        found = LINK.search(transcript)
        assert found is not None, transcript
        parts = urlsplit(found.group())
        context = browser.new_context(
            base_url=f"{parts.scheme}://{parts.netloc}",
            locale=content.language,
            viewport=WIDE,  # type: ignore[arg-type]  # playwright's own TypedDict
        )
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.goto(found.group())
        yield page
        context.close()


def test_the_first_day(page: Page, content: Content) -> None:
    typed = content.set_up
    page.fill("[name=name]", typed.organisation)
    page.fill("[name=person]", typed.name)
    page.fill("[name=email]", typed.email)
    page.fill("[name=password]", "deep-water-2026")
    picture(page, "setup-organisation")
    page.click("form .button--primary")
    expect(page.locator("#engine-state .badge--good")).to_have_count(2, timeout=SECONDS)
    picture(page, "setup-engine")
    page.click(".card__foot .button--primary")
    page.fill("[name=name]", typed.department)
    page.fill("[name=slug]", "general")
    page.fill("[name=base_name]", typed.base)
    picture(page, "setup-knowledge")
    page.click("form .button--primary")
    page.wait_for_load_state("networkidle")
    text = typed.document.read_text(encoding="utf-8") if typed.document.exists() else RULES
    page.locator("[data-input=files]").set_input_files(
        [{"name": typed.document.name, "mimeType": "text/markdown", "buffer": text.encode()}]
    )
    expect(page.locator(".uploads__row[data-state=ready]")).to_have_count(1, timeout=60_000)
    page.fill("#question", typed.question)
    page.click("[data-first-question] .button--primary")
    expect(page.locator("[data-answer]")).to_contain_text(typed.answer)
    page.set_viewport_size({"width": WIDE["width"], "height": 1060})
    picture(page, "setup-first-question")
