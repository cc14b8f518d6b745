"""Clients that hang up, or delete, at the worst moment: how it ended is recorded all the same."""

import threading
from contextlib import suppress

import httpx
import openai
import pytest

from controlplane.chat import answering
from controlplane.core.offload import _threads
from controlplane.tenants.suspensions import tenant_resume, tenant_suspend
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import QUESTION, ask, events_of, messages_of
from tests.controlplane.api.openai.test_openai_failures import wait_for
from tests.fakes.engine import Answer, FakeEngine

BOTH = Answer(text="住宅抵押率最高不超过70%[1]。商业用房抵押率最高不超过60%[1]。", chunk=4, piece_delay=0.05)


class BusyThreads:
    """Every thread for database work is taken until `go`."""

    def __init__(self) -> None:
        self._free = threading.Event()

    def take(self) -> None:
        for _ in range(_threads()._max_workers):
            _threads().submit(self._free.wait, 20)

    def go(self) -> None:
        self._free.set()


def test_a_client_that_hangs_up_while_its_answer_waits_to_be_saved(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = BOTH
    busy = BusyThreads()
    stream = ask(platform.client(bank.key.presented), stream=True)
    seen = ""
    try:
        for chunk in stream:
            if not seen:
                busy.take()
            seen += chunk.choices[0].delta.content or ""
            if "60%[1]" in seen:
                break
        engine.requests[0].finished.wait(5)
        stream.close()
    finally:
        busy.go()
    wait_for(lambda: len(events_of(bank)) == 2)
    question, answer = messages_of(bank)
    assert question.status == answer.status
    assert answer.status in ("answered", "stopped")
    assert answer.content.startswith(seen)
    assert events_of(bank)[1].action in ("answer.given", "answer.stopped")


def test_a_client_that_hangs_up_while_its_question_is_being_stored(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, free, receive = threading.Event(), threading.Event(), answering._receive

    def slowly(question: object) -> object:
        begun.set()
        free.wait(20)
        return receive(question)

    monkeypatch.setattr(answering, "_receive", slowly)
    with suppress(openai.APITimeoutError):
        ask(platform.client(bank.key.presented).with_options(timeout=1.0))
    assert begun.is_set()
    free.set()
    wait_for(lambda: [message.status for message in messages_of(bank)] == ["stopped"])
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.stopped"]
    assert engine.requests == []


def test_a_conversation_that_is_deleted_meanwhile_leaves_its_audit_trail(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = BOTH
    deleted = None
    for chunk in ask(platform.client(bank.key.presented), QUESTION, stream=True):
        if deleted is None:
            address = f"{platform.base_url}/api/v1/conversations/{chunk.karez['conversation_id']}"
            deleted = httpx.delete(address, headers={"Authorization": f"Bearer {bank.key.presented}"})
    assert deleted is not None
    assert deleted.status_code == 204
    assert messages_of(bank) == []
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.given"]
    assert len(events_of(bank)[1].data["documents"]) == 1


def test_an_answer_that_is_being_written_when_its_organisation_is_suspended(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    """It may finish, and is kept; the next question is refused, with a code of its own."""
    engine.answers = BOTH
    client, text = platform.client(bank.key.presented), ""
    for chunk in ask(client, QUESTION, stream=True):
        if not text and chunk.choices and chunk.choices[0].delta.content:
            tenant_suspend(actor="system", tenant_id=bank.organisation.tenant.pk, reason="合同到期")
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert "60%[1]" in text
    wait_for(lambda: len(events_of(bank)) == 2)
    assert [message.status for message in messages_of(bank)] == ["answered", "answered"]
    for call in (lambda: ask(client, QUESTION), client.models.list):
        with pytest.raises(openai.PermissionDeniedError) as refusal:
            call()
        assert (refusal.value.status_code, refusal.value.code) == (403, "tenant_suspended")
    assert len(messages_of(bank)) == 2
    tenant_resume(actor="system", tenant_id=bank.organisation.tenant.pk)
    assert client.models.list().data
