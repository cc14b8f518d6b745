"""The first day: from an empty platform to the first answer with its source, in the browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, SECONDS, WIDE, assert_accessible, started
from tests.browser.watch import Watch
from tests.fakes.engine import FakeEngine

LINK = re.compile(r"http://\S+/setup/\?token=\w+")
RULES = """# 差旅费管理办法

第三条 市内交通费每人每天包干80元，凭出差审批单报销，不再另附票据。

第四条 住宿费标准：省会城市每人每晚不超过450元，其他城市不超过350元。
"""


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory, engine: FakeEngine) -> Iterator[str]:
    """What an empty platform prints at its start."""
    state = tmp_path_factory.mktemp("first day")
    with started(state, KAREZ_ENGINES=engine.base_url, KAREZ_DEMO="0") as transcript:
        found = LINK.search(transcript)
        assert found is not None, transcript
        assert not (state / "access.json").exists()
        yield found.group()


@pytest.fixture
def page(browser: Browser, link: str) -> Iterator[Page]:
    parts = urlsplit(link)
    watching = Watch(host=parts.netloc, allowed_statuses={403})
    context = browser.new_context(
        base_url=f"{parts.scheme}://{parts.netloc}",
        locale="zh-CN",
        viewport=WIDE,  # type: ignore[arg-type]  # playwright's own TypedDict
    )
    context.set_default_timeout(SECONDS)
    context.on("page", watching.attach)
    yield context.new_page()
    context.close()
    assert watching.complaints == []


def test_from_nothing_to_the_first_answer(page: Page, link: str, tmp_path: Path) -> None:
    page.goto("/")  # nobody can sign in yet
    expect(page.get_by_role("heading", name="初始化 Karez")).to_be_visible()
    page.get_by_label("组织名称").fill("渠源城市商业银行")
    page.get_by_label("您的姓名").fill("王建国")
    page.get_by_label("您的邮箱").fill("wang@example.org")
    page.get_by_label("密码").fill("deep-water-2026")
    page.get_by_label("安装令牌").fill("guessed")
    page.get_by_role("button", name="创建并继续").click()
    expect(page.locator(".errorlist")).to_contain_text("安装令牌不正确")
    expect(page.get_by_label("组织名称")).to_have_value("渠源城市商业银行")
    assert_accessible(page)

    page.get_by_label("安装令牌").fill(link.partition("token=")[2])
    page.get_by_label("密码").fill("deep-water-2026")
    page.get_by_role("button", name="创建并继续").click()

    expect(page.get_by_text("deepseek-r1")).to_be_visible()
    expect(page.locator("#engine-state .badge--good")).to_have_count(2)
    assert_accessible(page)
    page.get_by_role("link", name="继续").click()

    page.get_by_label("部门", exact=True).fill("综合管理部")
    page.get_by_label("部门短名称").fill("general")
    page.get_by_label("知识库").fill("规章制度")
    assert_accessible(page)
    page.get_by_role("button", name="创建并继续").click()

    file = tmp_path / "差旅费管理办法.md"
    file.write_text(RULES, encoding="utf-8")
    page.wait_for_load_state()  # the page's scripts have run then
    page.locator("[data-input=files]").set_input_files(str(file))
    expect(page.get_by_text(re.compile("就绪：")).first).to_be_visible(timeout=60_000)
    page.get_by_label("您的问题").fill("省会城市住宿费每人每晚不超过多少元？")
    page.get_by_role("button", name="提问").click()
    answer = page.locator("[data-answer]")
    expect(answer).to_contain_text("450元")
    expect(answer).to_contain_text("差旅费管理办法")
    assert_accessible(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(link)  # the token is worth nothing any more
    expect(page).to_have_url(re.compile(r"^[^?]*/$"))
