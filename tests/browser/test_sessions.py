"""Sessions that end while somebody is at work, and forms that come back with the back button."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, choose, sign_in
from tests.browser.rest import Person
from tests.browser.watch import Watch

PASSWORD = "deep-water-2026"


@pytest.fixture
def credentials(rest: Person) -> dict[str, str]:
    """Of an administrator whose session this test may end."""
    email = f"{uuid4().hex[:12]}@example.org"
    rest.post(
        "members", email=email, name="孙浩", password=PASSWORD, department="finance", role="admin", clearance="secret"
    )  # fmt: skip
    return {"email": email, "password": PASSWORD}


@pytest.fixture
def worker(open_browser: Callable[..., BrowserContext], credentials: dict[str, str]) -> Page:
    return sign_in(open_browser().new_page(), **credentials)


def end_session(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")


def sign_in_again(page: Page, credentials: dict[str, str]) -> None:
    page.wait_for_url("**/sign-in?next=**")
    page.get_by_label("邮箱").fill(credentials["email"])
    page.get_by_label("密码").fill(credentials["password"])
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.wait_for_load_state("networkidle")


def test_what_was_typed_is_there_after_signing_in_again(worker: Page, credentials: dict[str, str]) -> None:
    address = f"{uuid4().hex[:12]}@example.org"
    worker.goto("/people/add")
    worker.wait_for_load_state("networkidle")
    worker.get_by_label("邮箱").fill(address)
    worker.get_by_label("姓名").fill("韩梅梅")
    worker.get_by_label("初始密码").fill("secret-water-2026")
    choose(worker, "[name=department]", "金融业务部")
    choose(worker, "[name=role]", "知识管理员")
    end_session(worker)
    worker.get_by_role("button", name="添加人员").click()
    sign_in_again(worker, credentials)
    assert worker.url.endswith("/people/add")
    expect(worker.locator(".toast")).to_contain_text("已恢复")
    expect(worker.get_by_label("邮箱")).to_have_value(address)
    expect(worker.get_by_label("姓名")).to_have_value("韩梅梅")
    expect(worker.get_by_label("初始密码")).to_have_value("")  # a password is kept nowhere
    assert worker.evaluate("sessionStorage.getItem('karez-draft')") is None
    assert_accessible(worker)
    worker.get_by_role("button", name="添加人员").click()
    expect(worker.locator("#secret")).to_be_visible()
    worker.goto(f"/people/?q={address}")
    expect(worker.locator("#people tbody")).to_contain_text("知识管理员")


def test_nobody_elses_words_are_shown(worker: Page, rest: Person, credentials: dict[str, str]) -> None:
    other = f"{uuid4().hex[:12]}@example.org"
    rest.post("members", email=other, name="周婷", password=PASSWORD, department="finance", role="admin")
    worker.goto("/people/add")
    worker.wait_for_load_state("networkidle")
    worker.get_by_label("姓名").fill("韩梅梅")
    end_session(worker)
    worker.get_by_role("button", name="添加人员").click()
    sign_in_again(worker, {**credentials, "email": other})
    expect(worker.get_by_label("姓名")).to_have_value("")
    expect(worker.locator(".toast")).to_have_count(0)


def test_a_list_that_is_filtered_without_a_session_leads_to_the_sign_in(
    worker: Page, credentials: dict[str, str], watch: Watch
) -> None:
    watch.allowed_statuses.add(401)
    worker.goto("/people/?role=member")
    worker.wait_for_load_state("networkidle")
    end_session(worker)
    worker.get_by_role("searchbox", name="按姓名或邮箱搜索人员").fill("a")
    sign_in_again(worker, credentials)
    expect(worker.get_by_role("heading", level=1)).to_have_text("人员")


def test_going_back_after_a_form_was_sent_sends_nothing_again(admin: Page, rest: Person) -> None:
    slug = f"b{uuid4().hex[:8]}"
    admin.goto("/departments/")
    admin.goto("/departments/add")
    admin.fill("[name=name]", "档案室")
    admin.fill("[name=slug]", slug)
    choose(admin, "[name=parent]", "金融业务部")
    admin.locator("main form .button--primary").click()
    admin.wait_for_url(f"**/departments/{slug}/")
    admin.reload()  # a redirect stands behind the page: nothing is sent anew
    expect(admin.get_by_role("heading", level=1)).to_have_text("档案室")
    admin.go_back()
    admin.wait_for_load_state("networkidle")
    button = admin.locator("main form .button--primary")
    expect(button).not_to_have_class("is-busy")
    admin.go_forward()
    expect(admin.get_by_role("heading", level=1)).to_have_text("档案室")
    assert [one["slug"] for one in rest.get("departments", limit="200")["results"]].count(slug) == 1
    rest.delete(f"departments/{slug}")
