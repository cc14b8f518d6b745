"""Engines in the console: one is registered, answers within seconds, drains until it may be stopped, and is taken back in."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import SECONDS, assert_accessible, picture
from tests.fakes.engine import FakeEngine

METRICS = """vllm:num_requests_running{engine="0",model_name="deepseek-v3"} 3.0
vllm:num_requests_waiting{engine="0",model_name="deepseek-v3"} 0.0
vllm:kv_cache_usage_perc{engine="0",model_name="deepseek-v3"} 0.42
vllm:prefix_cache_queries_total{engine="0",model_name="deepseek-v3"} 100.0
vllm:prefix_cache_hits_total{engine="0",model_name="deepseek-v3"} 64.0
"""


def test_an_engine_is_registered_drained_and_taken_back_in(admin: Page) -> None:
    page = admin
    with FakeEngine(models=("deepseek-v3",), metrics=METRICS) as engine:
        page.goto("/engines/add")
        assert_accessible(page)
        page.get_by_label("名称", exact=True).fill("deepseek-v3")
        page.get_by_label("地址").fill(engine.base_url)
        page.get_by_label("并发请求数").fill("64")
        page.get_by_role("button", name="登记模型").click()
        card = page.get_by_role("article", name="deepseek-v3", exact=True)
        expect(card.get_by_text("就绪")).to_be_visible(timeout=SECONDS)
        expect(card.get_by_text("42 %")).to_be_visible(timeout=SECONDS)
        expect(card.get_by_text("64 %")).to_be_visible(timeout=SECONDS)
        assert_accessible(page)
        picture(page, "engines")
        engine.metrics = METRICS.replace("} 3.0", "} 0.0")
        card.get_by_role("button", name="排空").click()
        expect(card.get_by_text("没有进行中的请求，可以停机。")).to_be_visible(timeout=SECONDS)
        picture(page, "engines-drained")
        card.get_by_role("button", name="恢复").click()
        expect(card.get_by_text("就绪")).to_be_visible(timeout=SECONDS)
        engine.stop()
        expect(card.get_by_text("失败")).to_be_visible(timeout=SECONDS)
        expect(card.get_by_text("没有应答。")).to_be_visible(timeout=SECONDS)
        picture(page, "engines-failed")
        card.get_by_role("link", name="移除 deepseek-v3").click()
        assert_accessible(page)
        page.get_by_role("button", name="移除模型").click()
        expect(card).to_have_count(0)
