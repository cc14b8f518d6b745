"""People as an administrator looks after them: adding, changing, lists as files, and passwords that are shown once."""

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import BrowserContext, Download, Page, expect

from tests.browser.conftest import HOSTILE, assert_accessible, choose, sign_in, submit_twice
from tests.browser.rest import Person
from tests.browser.watch import Watch

Opener = Callable[..., BrowserContext]
PASSWORD = "deep-water-2026"
FORMULA = '=HYPERLINK("http://192.0.2.1/","win")'
HEAD = "email,name,department,role,clearance\n"


def new_address() -> str:
    return f"{uuid4().hex[:12]}@example.org"


def saved(download: Download) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(Path(download.path()).read_text(encoding="utf-8-sig"))))


def test_a_person_is_added_once_and_the_password_is_shown_once(
    admin: Page, open_browser: Opener, watch: Watch
) -> None:
    address = new_address()
    admin.goto("/people/add")
    admin.wait_for_load_state("networkidle")
    assert_accessible(admin)
    admin.get_by_label("邮箱").fill(address)
    admin.get_by_label("姓名").fill(HOSTILE)
    choose(admin, "[name=department]", "金融业务部")
    submit_twice(admin, "添加人员")
    secret = admin.locator("#secret").inner_text()
    assert_accessible(admin)
    admin.reload()
    expect(admin.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(admin.locator("#secret")).to_have_count(0)
    watch.allowed_statuses |= {403, 409}
    admin.go_back()  # the form: sent again, it makes nobody
    admin.wait_for_load_state("networkidle")
    if admin.get_by_label("邮箱").input_value() == address:
        admin.get_by_role("button", name="添加人员").click()
        admin.wait_for_load_state()
        expect(admin.locator("#secret")).to_have_count(0)
    admin.goto(f"/people/?q={address}")
    expect(admin.locator("#people tbody tr")).to_have_count(1)
    expect(admin.locator("#people tbody")).to_contain_text(HOSTILE)
    page = sign_in(open_browser().new_page(), email=address, password=secret)
    expect(page.locator(".karez .composer")).to_be_visible()  # a member belongs in the chat
    page.goto("/people/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#people")).to_have_count(0)


def test_rights_are_changed_and_an_account_is_closed_by_keyboard(
    admin: Page, rest: Person, open_browser: Opener, watch: Watch
) -> None:
    address = new_address()
    rest.post("members", email=address, name="李雷", password=PASSWORD, department="finance")
    admin.goto("/people/")
    admin.wait_for_load_state("networkidle")
    admin.get_by_role("searchbox", name="按姓名或邮箱搜索人员").fill(address)
    expect(admin.locator("#people tbody tr")).to_have_count(1)
    admin.get_by_role("link", name="李雷").click()
    admin.wait_for_load_state("networkidle")
    choose(admin, "td [name=role]", "知识管理员")
    admin.get_by_role("button", name="保存").click()
    expect(admin.locator(".notice--success")).to_be_visible()
    choose(admin, ".form--row [name=department]", "电力生产部")
    admin.locator(".form--row button").click()
    expect(admin.locator("td.main")).to_have_count(2)
    assert_accessible(admin)
    admin.wait_for_load_state("networkidle")
    opener = admin.get_by_role("button", name="停用账号")
    opener.focus()
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog")).to_contain_text("李雷")
    assert_accessible(admin)
    admin.keyboard.press("Escape")
    expect(opener).to_be_focused()
    admin.keyboard.press("Enter")
    admin.get_by_role("dialog").get_by_role("button", name="停用").click()
    expect(admin.locator(".card__head .badge")).to_have_text("已停用")
    watch.allowed_statuses |= {403, 422}
    page = open_browser().new_page()
    page.goto("/sign-in")
    page.get_by_label("邮箱").fill(address)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.locator(".errorlist")).to_be_visible()
    admin.get_by_role("button", name="重新启用账号").click()
    expect(admin.locator(".card__head .badge")).to_have_text("正常")
    admin.wait_for_load_state("networkidle")
    admin.get_by_role("button", name="重置密码").first.click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("新密码").fill("short")
    dialog.get_by_role("button", name="重置密码").click()
    expect(dialog.locator(".errorlist")).to_be_visible()  # open again, with what is wrong
    dialog.get_by_label("新密码").fill("")
    dialog.get_by_role("button", name="重置密码").click()
    expect(admin.locator("#secret")).to_be_visible()


def look_through(page: Page, content: bytes) -> None:
    page.goto("/people/import")
    page.locator("input[type=file]").set_input_files(
        [{"name": "people.csv", "mimeType": "text/csv", "buffer": content}]
    )
    page.locator("main form .button--primary").click()
    page.wait_for_load_state("networkidle")


def test_a_hostile_list_changes_nothing(admin: Page, watch: Watch) -> None:
    watch.allowed_statuses.add(422)
    for content in (
        b"\x00\x01\xff\xfe" * 64,
        b"",
        b"name\nx\n",
        (HEAD + "a@b.cd,A,finance,,\n" * 501).encode(),
    ):
        look_through(admin, content)
        expect(admin.locator(".errorlist")).not_to_be_empty()
    wrong = (
        f'{new_address()},"{HOSTILE}",nowhere,,',
        f'"{HOSTILE}",B,finance,,',
        f"{new_address()},C,finance,king,",
        f"{new_address()},D,finance,,above all",
    )
    look_through(admin, (HEAD + "\n".join(wrong)).encode())
    expect(admin.locator("tr.is-bad")).to_have_count(len(wrong))
    expect(admin.locator("tr.is-bad").first).to_contain_text(HOSTILE)
    expect(admin.locator("[name=lines]")).to_have_count(0)
    assert admin.locator("main img").count() == 0
    assert_accessible(admin)


def test_a_list_is_taken_over_once_and_its_formulas_stay_text(admin: Page) -> None:
    first, second = new_address(), new_address()
    quoted = FORMULA.replace('"', '""')
    content = f'{HEAD}{first},"{quoted}",finance,,\n{second},韩梅梅,energy,manager,internal\n'
    look_through(admin, content.encode("gb18030"))
    expect(admin.locator(".import-lines tbody tr")).to_have_count(2)
    assert_accessible(admin)
    submit_twice(admin, "全部导入")
    expect(admin.locator("tbody code")).to_have_count(2)
    assert_accessible(admin)
    with admin.expect_download() as begun:
        admin.get_by_role("button", name="保存为 CSV").click()
    passwords = {row["email"]: row for row in saved(begun.value)}
    assert passwords[first]["name"] == f"'{FORMULA}"
    assert passwords[second]["password"] == admin.locator("tbody code").nth(1).inner_text()
    admin.reload()
    expect(admin.locator("tbody code")).to_have_count(0)
    with admin.expect_download() as begun:
        admin.get_by_role("link", name="导出").click()
    exported = {row["email"]: row for row in saved(begun.value)}
    assert exported[first]["name"] == f"'{FORMULA}"
    assert exported[second]["role"] == "manager"
