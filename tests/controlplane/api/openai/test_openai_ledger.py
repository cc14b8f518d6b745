"""Every request of /v1 in the ledger, however it ends."""

import threading
import time

import httpx
import openai
import pytest

from controlplane.core.scope import tenant_scope
from controlplane.metering.journal import abandoned_slots
from controlplane.metering.ledger import ledger_take_all
from controlplane.metering.meter import journal, journal_directory
from controlplane.metering.models import LedgerEntry
from controlplane.serving.registry import registry
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import ask, events_of
from tests.fakes.engine import Answer, FakeEngine

Told = tuple[str, str, str, int, int]


def entries(bank: Bank, count: int) -> list[LedgerEntry]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ledger_take_all(directory=journal_directory())
        with tenant_scope(bank.organisation.tenant.pk):
            found = list(LedgerEntry.objects.order_by("id"))
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{len(found)} entries")


def told(entry: LedgerEntry) -> Told:
    return entry.call, entry.outcome, entry.code, entry.prompt_tokens, entry.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_an_engine(platform: Served, bank: Bank, engine: FakeEngine, stream: bool) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    engine.answers = Answer(text="你好，世界", usage=usage, delay=0.06)
    answer = ask(platform.client(bank.key.presented), "在吗", model="chat", stream=stream, user="erp-7")
    list(answer) if stream else None
    [entry] = entries(bank, 1)
    assert told(entry) == ("chat/completions", "given", "", 9, 5)
    assert (entry.cached_tokens, entry.is_estimated, entry.is_streamed) == (4, False, stream)
    assert (entry.actor, entry.department_id) == (bank.key.principal.actor, bank.organisation.finance.pk)
    assert (entry.model, entry.deployment, entry.end_user) == ("chat", "fake-model", "erp-7")
    assert entry.total_ms is not None
    assert entry.total_ms >= 50
    assert (entry.first_token_ms is not None) is stream


def test_an_answer_from_documents_has_one_entry_and_the_trail_of_its_own(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="抵押率最高不超过70%[1]。")
    list(ask(platform.client(bank.key.presented), "住宅抵押率最高多少？", stream=True))
    before = len(events_of(bank))
    [entry] = entries(bank, 1)
    assert (entry.model, entry.deployment, entry.outcome) == ("assistant:finance", "fake-model", "given")
    assert entry.completion_tokens > 0
    assert len(events_of(bank)) == before


def test_what_is_refused_before_an_engine_has_it(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    client = platform.client(bank.key.presented)
    for model in ("gpt-9", "assistant:nobody"):
        with pytest.raises(openai.NotFoundError):
            ask(client, "在吗", model=model)
    headers = {"Authorization": f"Bearer {bank.key.presented}"}
    httpx.post(f"{platform.base_url}/v1/completions", content=b"{", headers=headers, timeout=20)
    httpx.post(
        f"{platform.base_url}/v1/embeddings", json={"model": "use", "input": 3}, headers=headers, timeout=20
    )
    assert [told(entry) for entry in entries(bank, 4)] == [
        ("chat/completions", "rejected", "model_not_found", 0, 0),
        ("chat/completions", "rejected", "not_found", 0, 0),
        ("completions", "rejected", "invalid_json", 0, 0),
        ("embeddings", "rejected", "invalid_field", 0, 0),
    ]
    assert engine.requests == []


def test_what_an_engine_breaks_off_counts_as_far_as_it_came(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="一二三四五六", chunk=1, break_after=4)
    with pytest.raises(openai.APIError):
        list(ask(platform.client(bank.key.presented), "数", model="chat", stream=True))
    [entry] = entries(bank, 1)
    assert told(entry) == ("chat/completions", "failed", "engine_unavailable", 0, 3)
    assert entry.is_estimated


def test_a_client_that_hangs_up_pays_for_what_came(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="一二三四五六" * 50, chunk=1, piece_delay=0.02)
    stream = ask(platform.client(bank.key.presented), "数", model="chat", stream=True)
    for _ in range(5):
        next(stream)
    under_way = [note for note, counters in abandoned_slots(path=journal().path) if counters.pieces >= 4]
    assert [note["model"] for note in under_way] == ["chat"]
    stream.close()
    [entry] = entries(bank, 1)
    assert (entry.outcome, entry.is_estimated) == ("stopped", True)
    assert 4 <= entry.completion_tokens < 100
    assert list(abandoned_slots(path=journal().path)) == []


def test_an_engine_that_counts_with_each_piece_is_believed_when_the_client_hangs_up(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    """vLLM, which is known by its metrics: what the watch told of it is put here by hand."""
    list(ask(platform.client(bank.key.presented), "数", model="chat", stream=True))
    [endpoint] = registry().known(name="chat")
    registry().router.candidate(endpoint=endpoint).running = 0
    engine.answers = Answer(text="一二三四五六" * 50, chunk=1, piece_delay=0.02)
    stream = ask(platform.client(bank.key.presented), "数", model="chat", stream=True)
    seen = [next(stream) for _ in range(5)]
    stream.close()
    assert all(chunk.usage is None for chunk in seen)
    *_first, entry = entries(bank, 2)
    assert (entry.outcome, entry.is_estimated, entry.prompt_tokens) == ("stopped", False, 3)
    assert 4 <= entry.completion_tokens < 100


def test_many_at_once_are_all_there(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    def some() -> None:
        client = platform.client(bank.key.presented)
        for _ in range(10):
            ask(client, "在吗", model="chat")

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.outcome for entry in entries(bank, 80)] == ["given"] * 80
    assert sum(entry.completion_tokens for entry in entries(bank, 80)) == 80 * 3


def test_a_long_prompt_passes_and_a_monstrous_one_does_not(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    client = platform.client(bank.key.presented)
    assert ask(client, "长" * 800_000, model="chat").choices[0].message.content
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, "x" * 10_000_000, model="chat")
    assert (refused.value.status_code, refused.value.code) == (413, "body_too_large")
    assert [(entry.outcome, entry.code) for entry in entries(bank, 2)] == [
        ("given", ""),
        ("rejected", "body_too_large"),
    ]
    assert len(engine.requests) == 1
