"""Trying an assistant: with what is being edited, told step by step, kept nowhere, and only for who looks after it."""

import json
from typing import Any

import httpx
import openai
import pytest

from controlplane.assistants.models import Assistant
from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation, Message
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Role
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT
from tests.controlplane.api.openai.test_openai_failures import wait_for
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Key
from tests.fakes.engine import Answer, FakeEngine

STEPS = ["search", "verdict", "prompt", "end"]


def try_it(
    platform: Served, key: Key, question: str = QUESTION, *, stream: bool = False, **karez: Any
) -> Any:
    return platform.client(key.presented).chat.completions.create(
        model="assistant:finance",
        messages=[{"role": "user", "content": question}],
        extra_body={"karez": {"trace": True, **karez}},
        stream=stream,
    )


def trail(bank: Bank) -> list[Any]:
    with tenant_scope(bank.organisation.tenant.pk):
        events = event_list(tenant_id=bank.organisation.tenant.pk).order_by("sequence")
        return [event for event in events if event.action.startswith(("question", "answer", "assistant.t"))]


def assert_nothing_kept(bank: Bank) -> None:
    with tenant_scope(bank.organisation.tenant.pk):
        assert not Conversation.objects.exists()
        assert not Message.objects.exists()


def test_the_trace_tells_every_step(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    answer = try_it(platform, bank.key)
    assert answer.choices[0].message.content == RIGHT.text
    assert len(answer.choices[0].message.annotations) == 1
    search, verdict, prompt, end = answer.karez["trace"]
    assert [step["step"] for step in answer.karez["trace"]] == STEPS
    assert search["question"] == QUESTION
    first = search["passages"][0]
    assert (first["number"], first["title"], first["page"]) == (1, "授信管理办法", 3)
    assert first["text"].startswith("第十二条")
    assert 0 < first["score"] <= 1
    assert first["dense"] is not None
    assert first["keyword"] > 0
    assert (verdict["sufficient"], verdict["reason"], verdict["judge"]) == (True, "", "")
    assert prompt["engine"] == "fake-model"
    sent = engine.requests[-1].body["messages"]
    assert prompt["messages"] == sent
    assert prompt["shown"][0] == 1
    assert end["total_ms"] >= end["first_token_ms"] >= 0
    assert end["completion_tokens"] > 0


def test_nothing_of_it_is_kept_and_the_trail_has_it(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    try_it(platform, bank.key)
    assert_nothing_kept(bank)
    tried, ended = trail(bank)
    assert (tried.action, ended.action) == ("assistant.tried", "assistant.trial_ended")
    assert tried.data["question"] == QUESTION
    assert ended.target == f"trial:{tried.data['trial']}"
    assert ended.data["status"] == "answered"
    assert len(ended.data["documents"]) >= 1


def test_a_stream_tells_the_steps_as_they_come(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    chunks = list(try_it(platform, bank.key, stream=True))
    told = [(getattr(chunk, "karez", None) or {}).get("trace") for chunk in chunks]
    steps = [trace["step"] for trace in told if trace]
    assert steps == STEPS
    written = [
        place for place, chunk in enumerate(chunks) if chunk.choices and chunk.choices[0].delta.content
    ]
    prompt = next(place for place, trace in enumerate(told) if trace and trace["step"] == "prompt")
    assert prompt < written[0]


def test_the_draft_takes_the_place_of_what_was_saved(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = RIGHT
    draft = {"instructions": "只用一句话。", "top_k": 1, "route": "fake-model"}
    search, _verdict, prompt, _end = try_it(platform, bank.key, draft=draft).karez["trace"]
    assert len(search["passages"]) == 1
    assert "只用一句话。" in json.dumps(prompt["messages"], ensure_ascii=False)
    assert prompt["reads_instructions"] is True
    with tenant_scope(bank.organisation.tenant.pk):
        assert Assistant.objects.get().instructions == ""
    refused = try_it(platform, bank.key, draft={"knowledge_bases": []})
    assert refused.choices[0].karez == {"refused": True, "reason": "no_knowledge"}


def test_a_small_model_is_said_to_read_no_instructions(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [{"name": "fake-model", "url": engine.base_url, "model": "fake-model", "profile": "small"}]
    configure(monkeypatch, engines=json.dumps(small))
    engine.answers = RIGHT
    for instructions, read in (("只用一句话。", False), ("", True)):
        steps = try_it(platform, bank.key, draft={"instructions": instructions}).karez["trace"]
        [prompt] = [step for step in steps if step["step"] == "prompt"]
        assert prompt["reads_instructions"] is read
        assert "只用一句话。" not in json.dumps(prompt["messages"], ensure_ascii=False)


def test_a_refusal_is_told_with_its_verdict(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    answer = try_it(platform, bank.key, "zzz qqq")
    steps = answer.karez["trace"]
    assert [step["step"] for step in steps] == ["search", "verdict", "end"]
    assert steps[1]["sufficient"] is False
    assert answer.choices[0].karez["refused"] is True
    assert engine.requests == [] or engine.requests[-1].path.endswith("models")


def test_an_engine_that_is_down_ends_it_after_the_search(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(status=503)
    with pytest.raises(openai.APIError) as failure:
        list(try_it(platform, bank.key, stream=True))
    assert failure.value.code == "engine_unavailable"
    assert "保留" not in str(failure.value)
    assert_nothing_kept(bank)
    assert [event.data.get("status") for event in trail(bank)] == [None, "failed"]


def test_a_client_that_hangs_up_stops_it(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="住宅抵押率最高不超过70%[1]。" * 50, piece_delay=0.3)
    body = {
        "model": "assistant:finance",
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
        "karez": {"trace": True},
    }
    headers = {"Authorization": f"Bearer {bank.key.presented}"}
    address = f"{platform.base_url}/v1/chat/completions"
    with httpx.stream("POST", address, json=body, headers=headers, timeout=30) as answer:
        next(line for line in answer.iter_lines() if "住宅" in line and '"content"' in line)
    wait_for(lambda: [event.action for event in trail(bank)][-1:] == ["assistant.trial_ended"])
    assert trail(bank)[-1].data["status"] == "stopped"


@pytest.mark.parametrize(
    ("karez", "model", "status", "code"),
    [
        ({"trace": True}, "fake-model", 400, "invalid_field"),
        ({"trace": True, "regenerate": True}, "assistant:finance", 400, "invalid_field"),
        ({"draft": {"top_k": 0}}, "assistant:finance", 400, "invalid_field"),
        ({"draft": {"name": "x"}}, "assistant:finance", 400, "invalid_field"),
        (
            {"draft": {"knowledge_bases": ["0190b8a0-0000-7000-8000-000000000000"]}},
            "assistant:finance",
            404,
            "not_found",
        ),
        ({"trace": True}, "assistant:nobody", 404, "model_not_found"),
    ],
)
def test_bad_input(
    platform: Served, bank: Bank, karez: dict[str, Any], model: str, status: int, code: str
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "karez": karez}
    if model == "fake-model":
        body["karez"]["knowledge_bases"] = [str(bank.base)]
    headers = {"Authorization": f"Bearer {bank.key.presented}"}
    answer = httpx.post(f"{platform.base_url}/v1/chat/completions", json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert_nothing_kept(bank)


def test_only_who_looks_after_the_department_may(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    organisation = bank.organisation
    reader = organisation.key(organisation.finance, KeyScope.CHAT)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        try_it(platform, reader)
    assert refused.value.code == "department_not_writable"
    for stranger in (organisation.key(organisation.energy), organisation.key(organisation.lending)):
        with pytest.raises(openai.NotFoundError):
            try_it(platform, stranger)
    assert engine.requests == [] or engine.requests[-1].path.endswith("models")
    assert trail(bank) == []


def test_a_chats_token_may_not_even_a_managers(platform: Served, bank: Bank) -> None:
    manager = bank.organisation.member(bank.organisation.finance, Role.MANAGER)
    token = signed_in(manager).get("/api/v1/session/token").json()["token"]
    with pytest.raises(openai.PermissionDeniedError):
        platform.client(token).chat.completions.create(
            model="assistant:finance",
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={"karez": {"trace": True}},
        )
    assert trail(bank) == []
