"""Limits and queues in front of engines, through the API: who is let in, who waits and is told where, who is refused and until
when."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from controlplane.api.openai.application import application
from controlplane.identity.principal import Principal
from controlplane.metering.limits import LimitValues, tenant_limits_set
from inference.admission import Bounds
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.controlplane.api.openai.test_openai_ledger import entries
from tests.fakes.engine import Answer, FakeEngine

PLATFORM = Principal(actor="user:p", tenant_id=None, name="platform", is_platform_admin=True)
HELLO = [{"role": "user", "content": "hello"}]
SLOW = Answer(text="好" * 40, chunk=1, piece_delay=0.1)


def limit_tenant(bank: Bank, **values: Any) -> None:
    """And wait until the gateway has heard of it."""
    tenant_id = bank.organisation.tenant.pk
    before = application.door.limits._changed_at
    tenant_limits_set(principal=PLATFORM, tenant_id=tenant_id, values=LimitValues(**values))
    deadline = time.monotonic() + 10
    while application.door.limits._changed_at == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def narrow(platform: Served, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Served:
    """One engine that answers one request at a time, under a name of this test's own."""
    name = f"narrow-{engine.port}"
    engines = [{"name": name, "url": engine.base_url, "model": name, "capacity": 1, "routes": ["chat"]}]
    configure(monkeypatch, engines=json.dumps(engines))
    return platform


def post(platform: Served, bank: Bank, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bank.key.presented}", "Accept-Language": "en"}
    body = {"model": "chat", "messages": HELLO, **more}
    return httpx.post(f"{platform.base_url}/v1/chat/completions", json=body, headers=headers, timeout=60)


@contextmanager
def streaming(platform: Served, bank: Bank, **more: Any) -> Iterator[Iterator[str]]:
    """The lines of a stream, as they come."""
    headers = {"Authorization": f"Bearer {bank.key.presented}"}
    body = {"model": "chat", "messages": HELLO, "stream": True, **more}
    with httpx.stream(
        "POST", f"{platform.base_url}/v1/chat/completions", json=body, headers=headers, timeout=60
    ) as response:
        assert response.status_code == 200
        yield response.iter_lines()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"requests_per_minute": 1}, "1 requests a minute"),
        ({"tokens_per_minute": 60}, "60 tokens a minute"),
        ({"concurrency": 1}, "1 requests answered at once"),
    ],
)
def test_a_limit_refuses_with_its_number_and_when_to_come_again(
    platform: Served, bank: Bank, engine: FakeEngine, values: dict[str, int], words: str
) -> None:
    limit_tenant(bank, **values)
    engine.answers = SLOW
    with streaming(platform, bank) as first:
        next(first)
        refused = post(platform, bank)
        assert refused.status_code == 429, refused.text
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")
        assert words in error["message"]
        assert int(refused.headers["Retry-After"]) >= 1
        list(first)
    assert len(engine.requests) == 1
    told = [(entry.outcome, entry.code) for entry in entries(bank, 2)]
    assert sorted(told) == [("given", ""), ("rejected", "rate_limit_exceeded")]


def test_a_place_is_free_again_when_an_answer_ends_and_when_it_fails(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    limit_tenant(bank, concurrency=1)
    for answer, status in (
        (Answer(), 200),
        (Answer(status=500), 503),
        (Answer(status=400), 400),
        (Answer(), 200),
    ):
        engine.answers = answer
        assert post(platform, bank).status_code == status
    with streaming(platform, bank) as lines:
        next(lines)
    deadline = time.monotonic() + 10
    while post(platform, bank).status_code == 429:  # until it is known that the client has gone
        assert time.monotonic() < deadline


def test_who_waits_is_told_the_place_and_the_wait_is_in_the_ledger(
    narrow: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = SLOW
    with streaming(narrow, bank) as first:
        next(first)
        with streaming(narrow, bank) as second:
            assert next(second) == ": queue position 1"
            assert sum(line.startswith("data: {") for line in first) > 0
            events = [line for line in second if line.startswith("data: ")]
    assert events[-1] == "data: [DONE]"
    waited = sorted(entry.queue_ms for entry in entries(bank, 2))
    assert waited[0] == 0
    assert waited[1] > 200


def test_who_hangs_up_while_waiting_leaves_the_queue(narrow: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = SLOW
    with streaming(narrow, bank) as first:
        next(first)
        with streaming(narrow, bank) as second:
            assert next(second) == ": queue position 1"
        with streaming(narrow, bank) as third:
            assert next(third) == ": queue position 1"  # the second one's
            list(first)
            list(third)
    assert len(engine.requests) == 2
    assert sorted(entry.outcome for entry in entries(bank, 3)) == ["given", "given", "stopped"]


def test_who_waits_too_long_is_told_when_to_come_again(
    narrow: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.door._gate, "_bounds", Bounds(longest_wait=0.4))
    engine.answers = SLOW
    with streaming(narrow, bank) as first:
        next(first)
        refused = post(narrow, bank)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_saturated")
        assert int(refused.headers["Retry-After"]) >= 1
        list(first)
    assert len(engine.requests) == 1


def test_what_may_wait_lets_others_go_first(narrow: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = SLOW

    def asked(tier: str) -> None:
        messages = [{"role": "user", "content": tier}]
        assert post(narrow, bank, service_tier=tier, messages=messages).status_code == 200

    with streaming(narrow, bank) as first:
        next(first)
        batch = threading.Thread(target=asked, args=("batch",))
        batch.start()
        time.sleep(0.3)
        usual = threading.Thread(target=asked, args=("default",))
        usual.start()
        time.sleep(0.3)
        list(first)
        batch.join()
        usual.join()
    order = [request.body["messages"][0]["content"] for request in engine.requests]
    assert order == ["hello", "default", "batch"]
    assert all("service_tier" not in request.body for request in engine.requests)


def test_batch_may_be_forbidden(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    limit_tenant(bank, batch_allowed=False)
    refused = post(platform, bank, service_tier="flex")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "batch_not_allowed")
    assert engine.requests == []
    assert post(platform, bank).status_code == 200


def test_an_answer_from_documents_waits_its_turn_too(narrow: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = SLOW
    with streaming(narrow, bank) as first:
        next(first)
        question = [{"role": "user", "content": "住宅抵押率最高多少？"}]
        with streaming(narrow, bank, model="assistant:finance", messages=question) as second:
            assert next(second) == ": queue position 1"
            engine.answers = Answer(text="抵押率最高不超过70%[1]。")
            list(first)
            events = [line for line in second if line.startswith("data: {")]
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events]
    assert "70%" in "".join(delta.get("content") or "" for delta in deltas)
    assert max(entry.queue_ms for entry in entries(bank, 2)) > 200


def test_a_limit_on_documents_is_told_with_the_question_kept(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    limit_tenant(bank, concurrency=1)
    engine.answers = SLOW
    with streaming(platform, bank, model="fake-model") as first:
        next(first)
        with pytest.raises(openai.RateLimitError) as error:
            ask(platform.client(bank.key.presented), "住宅抵押率最高多少？")
        assert error.value.code == "rate_limit_exceeded"
        list(first)
