"""Departments: the tree, how their chat looks, and that only an empty one can be deleted."""

from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, choose, submit_twice
from tests.browser.rest import Person
from tests.browser.watch import Watch


def test_a_department_is_made_dressed_moved_and_deleted(admin: Page, watch: Watch) -> None:
    slug = f"d{uuid4().hex[:8]}"
    admin.goto("/departments/")
    expect(admin.locator("tbody tr").first).to_contain_text("root")
    assert_accessible(admin)
    admin.get_by_role("link", name="新建部门", exact=True).click()
    admin.wait_for_load_state("networkidle")
    assert_accessible(admin)
    admin.fill("[name=name]", HOSTILE)
    admin.fill("[name=slug]", slug)
    choose(admin, "[name=parent]", "金融业务部")
    watch.allowed_statuses |= {409, 415, 422}
    submit_twice(admin, "创建部门")
    expect(admin.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    admin.wait_for_load_state("networkidle")
    preview = admin.locator("[data-brand-text]")
    admin.fill("[name=brand_name]", HOSTILE)
    expect(preview).to_have_text(HOSTILE)
    admin.fill("[name=brand_color]", "#ffee00")
    expect(admin.locator("[data-brand-contrast]")).to_contain_text("4.5")
    save = admin.locator("[data-branding] form .button--primary")
    save.click()
    expect(admin.locator("[data-branding] .errorlist")).to_be_visible()  # white text could not be read on it
    expect(admin.locator("[name=brand_name]")).to_have_value(HOSTILE)
    admin.fill("[name=brand_color]", "#8a1c2b")
    admin.locator("[name=logo]").set_input_files(
        [{"name": "logo.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"}]
    )
    save.click()
    expect(admin.locator("[data-branding] .errorlist")).to_be_visible()
    admin.wait_for_load_state("networkidle")
    admin.fill("[name=brand_color]", "#8a1c2b")
    save.click()
    expect(admin.locator(".notice--success")).to_be_visible()
    assert admin.locator("main img").count() == 0
    assert_accessible(admin)
    choose(admin, "[name=parent]", "电力生产部")
    admin.locator("form[action$=place] .button--primary").click()
    expect(admin.locator(".notice--success")).to_be_visible()
    admin.goto("/departments/")
    expect(admin.locator("tr", has_text=slug).locator(".tree--2")).to_contain_text(HOSTILE)
    admin.goto(f"/departments/{slug}/")
    admin.wait_for_load_state("networkidle")
    admin.locator("[data-opens=delete]").click()
    assert_accessible(admin)
    admin.get_by_role("dialog").locator(".button--bad").click()
    admin.wait_for_url("**/departments/")
    expect(admin.locator("tbody")).not_to_contain_text(slug)


def test_one_that_holds_something_offers_no_deletion(admin: Page, rest: Person) -> None:
    admin.goto("/departments/energy/")
    admin.wait_for_load_state("networkidle")
    admin.locator("[data-opens=delete]").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog.locator("li", has_text="知识库")).to_contain_text("(1)")
    expect(dialog.locator(".button--bad")).to_have_count(0)
    assert_accessible(admin)
    dialog.get_by_role("button", name="关闭").click()
    expect(dialog).to_be_hidden()
    assert "energy" in {one["slug"] for one in rest.get("departments")["results"]}
