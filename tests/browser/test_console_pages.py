"""Every section in the other language, in the dark, and on a phone: nothing sticks out, nothing is hard to read."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import assert_accessible, sign_in
from tests.browser.rest import Person
from tests.e2e.conftest import Platform

PATHS = (
    "/", "/usage/", "/conversations/", "/feedback/?status=", "/people/", "/people/add", "/people/import", "/departments/",
    "/departments/add", "/departments/finance/", "/api-keys/", "/api-keys/add", "/audit/", "/models/", "/tenants/",
    "/tenants/add", "/limits/", "/limits/add", "/planner/",
    "/planner/?model=deepseek-r1&accelerator=h800-80&cards_per_node=8&nodes=2&purchase_per_card=200000",
    "/platform/audit/", "/password", "/search/?q=a",
)  # fmt: skip
CHINESE = re.compile("[\u4e00-\u9fff]")
DATA = re.compile("渠源|金融业务部|电力生产部|政务服务局|洗钱")
OWN_TEXTS = "h1, th, label, .button, .badge, .nav-link, .empty, .field__help, .page-head__lead"


@pytest.mark.parametrize(
    ("theme", "phone"),
    [("dark", True), ("light", False)],
)
def test_every_section(
    open_browser: Callable[..., BrowserContext],
    stack: Platform,
    rest: Person,
    theme: str,
    phone: bool,
) -> None:
    asked = rest.ask(assistant="finance", question="洗钱风险评为高的客户，多长时间要重新审核一次？")
    rest.rate(answer=asked["answer_id"], rating="up")
    context = open_browser(language="en-US", theme=theme, phone=phone)
    page = sign_in(context.new_page(), **stack.access["admin"])
    own = rest.get("people", q=stack.access["admin"]["email"])["results"][0]["id"]
    for path in (*PATHS, f"/people/{own}/", f"/conversations/{asked['conversation_id']}/"):
        page.goto(path)
        page.wait_for_load_state()
        expect(page.locator(".htmx-request")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        if phone:  # on a wide screen the tests of the sections look at that
            assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        texts = page.locator(OWN_TEXTS).all_inner_texts()
        assert not [text for text in texts if CHINESE.search(text) and not DATA.search(text)], path
