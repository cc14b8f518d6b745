"""Long lists to choose from: found by typing, by keyboard alone, and sent as the field beneath them."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import assert_accessible

# An organisation of hundreds of departments would be slow to make: the page is given their options as it loads.
MANY = """() => {
  const select = document.querySelector("select[name=department]");
  const real = select.options[2].value;
  for (let n = 1; n <= 300; n++) select.add(new Option(`\u2003分部 ${n}`, n === 237 ? real : `x${n}`));
  document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: select } }));
  return real;
}"""


def test_a_long_select_is_searched_by_keyboard(admin: Page) -> None:
    admin.goto("/people/")
    admin.wait_for_load_state()
    department = admin.evaluate(MANY)
    finder = admin.get_by_role("combobox", name="部门")
    expect(finder).to_have_attribute("placeholder", "全部部门")
    finder.click()
    options = admin.get_by_role("listbox", name="部门").get_by_role("option")
    expect(options).to_have_count(
        admin.evaluate("document.querySelector('select[name=department]').options.length")
    )
    finder.press_sequentially("23")
    expect(options).to_have_count(13)  # 23, 123, 223 and 230 to 239
    assert_accessible(admin)
    finder.press_sequentially("7")
    finder.press("Enter")
    expect(admin).to_have_url(re.compile(f"department={department}"))
    expect(finder).to_have_value("分部 237")
    finder.press("ArrowDown")
    finder.press_sequentially("nothing")
    expect(admin.get_by_role("option", name="没有符合的选项")).to_be_visible()
    finder.press("Escape")
    expect(admin.get_by_role("listbox")).to_be_hidden()
    expect(finder).to_have_value("分部 237")
    finder.click()
    admin.keyboard.press("Home")
    for _ in range(3):
        admin.keyboard.press("ArrowUp")
    admin.keyboard.press("Tab")
    expect(finder).to_have_value("分部 237")


def test_a_short_select_stays_what_it_is(admin: Page) -> None:
    admin.goto("/people/")
    admin.wait_for_load_state()
    expect(admin.locator("select[name=role]")).to_be_visible()
    expect(admin.locator(".finder")).to_have_count(0)
