"""A stand-in from end to end: registered, allowed, told to who asks, kept with the answer, shown to who looks after it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, sign_in
from tests.browser.reader import MODEL
from tests.browser.rest import Person
from tests.e2e.conftest import Platform, free_port

LARGE = "deepseek-r1-671b"
SLUG = "large"
QUESTION = "洗钱风险评为高的客户，多长时间要重新审核一次？"


@pytest.fixture
def away(admin: Page, rest: Person) -> Iterator[None]:
    """A model that does not answer, whose stand-in does, and an assistant that asks it."""
    page = admin
    page.goto("/engines/add")
    page.get_by_label("名称", exact=True).fill(LARGE)
    page.get_by_label("地址").fill(f"http://127.0.0.1:{free_port()}/v1")
    page.get_by_label("替补模型").fill(MODEL)
    page.get_by_role("button", name="登记模型").click()
    card = page.get_by_role("article", name=LARGE, exact=True)
    expect(card.get_by_text(f"由 {MODEL} 替补")).to_be_visible()
    assert_accessible(page)
    [own] = [row for row in rest.get("deployments")["results"] if row["name"] == LARGE]
    bases = rest.get("assistants/finance")["knowledge_bases"]
    rest.post(
        "assistants", slug=SLUG, department="finance", name="大模型助手", knowledge_bases=bases, route=LARGE
    )
    yield
    rest.delete(f"assistants/{SLUG}")
    rest.delete(f"deployments/{own['id']}")


@pytest.fixture
def allowed(admin: Page, rest: Person) -> Iterator[None]:
    """By the platform's administrator, for the whole organisation."""
    own = rest.get("session/token")["tenant"]["id"]

    def choose(label: str) -> None:
        admin.goto(f"/tenants/{own}/limits")
        admin.get_by_label("替补模型").select_option(label=label)
        admin.get_by_role("button", name="保存").click()
        expect(admin.get_by_text("限额将在一秒内生效。")).to_be_visible()

    choose("允许")
    assert rest.get("limits")["organisation"]["overflow_allowed"] is True
    yield
    choose("不允许")


def test_who_asks_is_told_who_answered_and_it_stays_so(
    open_browser: Callable[..., BrowserContext], stack: Platform, away: None, allowed: None
) -> None:
    page = open_browser().new_page()
    sign_in(page, **stack.access["admin"], wanted=f"/chat/?assistant={SLUG}")
    page.wait_for_selector(".karez .composer")
    page.fill("#question", QUESTION)
    page.keyboard.press("Enter")
    note = page.get_by_text(f"{LARGE} 正忙或不可用，由 {MODEL} 代为回答。")
    expect(note).to_be_visible(timeout=60_000)
    assert_accessible(page)
    page.reload()
    expect(note).to_be_visible()
    conversation = page.url.partition("c=")[2]
    page.goto(f"/conversations/{conversation}/")
    expect(page.get_by_text(f"替补 {LARGE}")).to_be_visible()
    assert_accessible(page)
