"""One's own password, and the organisations of a platform."""

from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, sign_in, submit_twice
from tests.browser.rest import Person
from tests.browser.watch import Watch
from tests.e2e.conftest import Platform

PASSWORD, NEW = "deep-water-2026", "deeper-water-2027"


def test_the_own_password_is_changed(
    rest: Person, open_browser: Callable[..., BrowserContext], stack: Platform, watch: Watch
) -> None:
    email = f"{uuid4().hex[:12]}@example.org"
    rest.post("members", email=email, name="赵静", password=PASSWORD, department="finance", role="manager")
    elsewhere = Person(base_url=stack.base_url, email=email, password=PASSWORD)
    page = sign_in(open_browser().new_page(), email=email, password=PASSWORD)
    page.goto("/password")
    page.wait_for_load_state("networkidle")
    assert_accessible(page)
    watch.allowed_statuses |= {403, 422}
    for current, new, again in (
        (PASSWORD, NEW, "another-one-2027"),
        ("not-the-password", NEW, NEW),
        (PASSWORD, "12345678", "12345678"),
    ):
        page.fill("[name=current]", current)
        page.fill("[name=new]", new)
        page.fill("[name=again]", again)
        page.locator("main form .button--primary").click()
        page.wait_for_load_state("networkidle")
        expect(page.locator(".errorlist").first).to_be_visible()
    assert_accessible(page)
    page.fill("[name=current]", PASSWORD)
    page.fill("[name=new]", NEW)
    page.fill("[name=again]", NEW)
    page.locator("main form .button--primary").click()
    expect(page.locator(".notice--success")).to_be_visible()
    assert elsewhere.http.get("/api/v1/me").status_code == 401
    assert page.url.endswith("/account")


def test_a_member_reads_that_the_password_was_changed(
    rest: Person, open_browser: Callable[..., BrowserContext]
) -> None:
    email = f"{uuid4().hex[:12]}@example.org"
    rest.post("members", email=email, name="钱宁", password=PASSWORD, department="finance", role="member")
    page = sign_in(open_browser().new_page(), email=email, password=PASSWORD, wanted="/password")
    page.goto("/password")
    page.fill("[name=current]", PASSWORD)
    page.fill("[name=new]", NEW)
    page.fill("[name=again]", NEW)
    page.locator("main form .button--primary").click()
    expect(page.locator(".notice--success")).to_have_text("密码已修改，其他登录已全部退出。")
    assert page.url.endswith("/account")


def test_an_organisation_is_founded_and_begins_empty(
    admin: Page, open_browser: Callable[..., BrowserContext]
) -> None:
    slug, email = f"o{uuid4().hex[:8]}", f"{uuid4().hex[:12]}@example.org"
    admin.goto("/tenants/")
    expect(admin.locator("tbody")).to_contain_text("demo")
    assert_accessible(admin)
    admin.get_by_role("link", name="创建组织").click()
    admin.wait_for_load_state("networkidle")
    assert_accessible(admin)
    admin.fill("[name=name]", HOSTILE)
    admin.fill("[name=slug]", slug)
    admin.fill("[name=email]", email)
    admin.fill("[name=person]", "Grace Lin")
    submit_twice(admin, "创建组织")
    password = admin.locator("#secret").inner_text()
    admin.goto("/tenants/")
    row = admin.locator("tbody tr", has_text=slug)
    expect(row).to_contain_text(HOSTILE)
    row.get_by_role("link", name="重命名").click()
    admin.fill("[name=name]", "Quyuan Group")
    admin.locator("main form .button--primary").click()
    expect(row).to_contain_text("Quyuan Group")
    page = sign_in(
        open_browser(language="en-US").new_page(), email=email, password=password, wanted="/knowledge/"
    )
    for path in (
        "/",
        "/usage/",
        "/knowledge/",
        "/jobs/",
        "/assistants/",
        "/conversations/",
        "/feedback/",
        "/api-keys/",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        expect(page.locator("main")).not_to_contain_text("渠源")
        assert_accessible(page)
    page.goto("/people/")
    expect(page.locator("#people tbody tr")).to_have_count(1)
