"""Asking the last question again: the older answer is kept, and shown to nobody."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest
from django.conf import settings
from django.utils import timezone

from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.core.scope import tenant_scope
from controlplane.serving.registry import registry
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT, ask, events_of, messages_of
from tests.controlplane.api.openai.test_openai_failures import wait_for
from tests.fakes.engine import Answer, FakeEngine

OTHER = Answer(text="按第十二条，住宅抵押率最高不超过70%[1]。", chunk=3)


def again(platform: Served, bank: Bank, conversation: str, *, messages: Any = (), **options: Any) -> Any:
    return platform.client(bank.key.presented).chat.completions.create(
        model="assistant:finance",
        messages=list(messages),
        extra_body={"karez": {"conversation_id": conversation, "regenerate": True}},
        **options,
    )


def shown(bank: Bank, conversation: str) -> list[dict[str, Any]]:
    return list(bank.key.client.get(f"/api/v1/conversations/{conversation}").json()["messages"])


def begun(platform: Served, bank: Bank, engine: FakeEngine) -> str:
    engine.answers = RIGHT
    return str(ask(platform.client(bank.key.presented)).karez["conversation_id"])


@pytest.mark.parametrize("stream", [False, True])
def test_the_new_answer_takes_the_place_of_the_older_one(
    platform: Served, bank: Bank, engine: FakeEngine, stream: bool
) -> None:
    conversation = begun(platform, bank, engine)
    [_question, older] = shown(bank, conversation)
    engine.answers = OTHER
    answer = again(platform, bank, conversation, stream=stream)
    chunks = list(answer) if stream else [answer]
    told = chunks[0].karez
    question, newer = shown(bank, conversation)
    assert (question["content"], question["status"]) == (QUESTION, "answered")
    assert newer["content"] == OTHER.text
    assert len(newer["citations"]) == 1
    assert (told["question_id"], told["answer_id"]) == (question["id"], newer["id"])
    kept = next(m for m in messages_of(bank) if str(m.pk) == older["id"])
    assert kept.superseded_at is not None
    assert kept.content == RIGHT.text
    with tenant_scope(bank.organisation.tenant.pk):
        assert Citation.objects.filter(message_id=kept.pk).count() == 1
        assert Citation.objects.count() == 2
    events = events_of(bank)
    assert [event.action for event in events] == [
        "question.asked",
        "answer.given",
        "question.asked_again",
        "answer.superseded",
        "answer.given",
    ]
    assert events[2].data["question"] == QUESTION
    assert events[3].target == f"message:{older['id']}"
    assert events[3].data["by"] == newer["id"]


def test_the_older_answer_is_no_part_of_what_follows(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    conversation = begun(platform, bank, engine)
    engine.answers = OTHER
    again(platform, bank, conversation)
    before = len(engine.requests)
    engine.answers = lambda body: (
        Answer(text="以商业用房抵押的，抵押率最高不超过多少？")
        if "改写" in str(body)
        else Answer(text="商业用房抵押率最高不超过60%[1]。")
    )
    ask(
        platform.client(bank.key.presented),
        "那商业用房呢？",
        extra_body={"karez": {"conversation_id": conversation}},
    )
    sent = str([request.body for request in engine.requests[before:]])
    assert "按第十二条" in sent
    assert RIGHT.text not in sent.replace(OTHER.text, "")


def test_what_is_asked_again_is_the_question_on_record(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    conversation = begun(platform, bank, engine)
    engine.answers = OTHER
    again(platform, bank, conversation, messages=[{"role": "user", "content": "礼品最多多少元？"}])
    assert [m["content"] for m in shown(bank, conversation)] == [QUESTION, OTHER.text]
    assert "礼品最多" not in str(engine.requests[-1].body)


def test_a_repetition_that_fails_leaves_the_older_answer(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    conversation = begun(platform, bank, engine)
    before = shown(bank, conversation)
    engine.answers = Answer(status=500)
    with pytest.raises(openai.InternalServerError):
        again(platform, bank, conversation)
    wait_for(lambda: shown(bank, conversation) == before)
    assert [event.action for event in events_of(bank)][-2:] == ["question.asked_again", "answer.failed"]


def test_a_question_that_failed_is_answered(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(status=500)
    with pytest.raises(openai.InternalServerError):
        ask(platform.client(bank.key.presented))
    wait_for(lambda: messages_of(bank)[0].status == "failed")
    conversation = str(messages_of(bank)[0].conversation_id)
    engine.answers = RIGHT
    registry.cache_clear()  # which has set the engine aside
    again(platform, bank, conversation)
    assert [(m["role"], m["status"]) for m in shown(bank, conversation)] == [
        ("question", "answered"),
        ("answer", "answered"),
    ]


def awaiting(bank: Bank, conversation: str, *, since: timedelta) -> None:
    """The last question as if its answer had been awaited for so long."""
    with tenant_scope(bank.organisation.tenant.pk):
        Message.objects.filter(role=MessageRole.QUESTION).update(status=MessageStatus.RECEIVED)
        Conversation.objects.filter(pk=conversation).update(updated_at=timezone.now() - since)


def test_a_question_under_way_is_not_asked_twice(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    conversation = begun(platform, bank, engine)
    awaiting(bank, conversation, since=timedelta(seconds=30))
    with pytest.raises(openai.ConflictError) as error:
        again(platform, bank, conversation)
    assert error.value.code == "still_answering"
    assert len(messages_of(bank)) == 2
    assert len(engine.requests) == 1


def test_a_question_whose_process_died_can_be_asked_again(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    conversation = begun(platform, bank, engine)
    awaiting(bank, conversation, since=timedelta(seconds=settings.ENV.engine_whole_seconds + 60))
    again(platform, bank, conversation)
    assert [m["status"] for m in shown(bank, conversation)] == ["answered", "answered"]


def test_what_cannot_be_asked_again_is_said(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    empty = bank.key.client.post("/api/v1/conversations", {"assistant": "finance"}, format="json").json()
    cases = [
        ({"regenerate": True}, 400, "invalid_field", "karez.conversation_id"),
        ({"regenerate": True, "conversation_id": empty["id"]}, 409, "no_question", "karez.regenerate"),
        ({"regenerate": True, "conversation_id": str(uuid4())}, 404, "not_found", None),
        ({"conversation_id": empty["id"]}, 400, "invalid_field", "messages"),
    ]
    for karez, status, code, field in cases:
        body = {"model": "assistant:finance", "messages": [], "karez": karez}
        headers = {"Authorization": f"Bearer {bank.key.presented}", "Accept-Language": "en"}
        response = httpx.post(f"{platform.base_url}/v1/chat/completions", json=body, headers=headers)
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (status, code, field), karez
    assert messages_of(bank) == []


def test_nobody_asks_anothers_question_again(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    """Not even who may read it: an administrator's key of the same department."""
    conversation = begun(platform, bank, engine)
    before = shown(bank, conversation)
    stranger = bank.organisation.key(bank.organisation.finance, "chat", "admin", "documents:write")
    with pytest.raises(openai.NotFoundError):
        platform.client(stranger.presented).chat.completions.create(
            model="assistant:finance",
            messages=[],
            extra_body={"karez": {"conversation_id": conversation, "regenerate": True}},
        )
    assert shown(bank, conversation) == before
