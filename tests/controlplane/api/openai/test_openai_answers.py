"""Cited answers through the unmodified openai client."""

from typing import Any
from uuid import UUID

import httpx
import openai
import pytest

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Citation, Conversation, Message
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.knowledge import Text, make_base
from tests.controlplane.organisations import make_organisation
from tests.fakes.engine import Answer, FakeEngine

QUESTION = "以住宅抵押的，抵押率最高不超过多少？"
RIGHT = Answer(text="住宅抵押率最高不超过70%[1]。", chunk=2)


def ask(
    client: openai.OpenAI, question: str = QUESTION, model: str = "assistant:finance", **options: Any
) -> Any:
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], **options
    )


def messages_of(bank: Bank) -> list[Message]:
    with tenant_scope(bank.organisation.tenant.pk):
        return list(Message.objects.order_by("id"))


def events_of(bank: Bank) -> list[Any]:
    with tenant_scope(bank.organisation.tenant.pk):
        events = event_list(tenant_id=bank.organisation.tenant.pk).order_by("sequence")
        return [event for event in events if event.action.startswith(("question", "answer"))]


def test_an_assistant_answers_with_a_citation(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    answer = ask(platform.client(bank.key.presented))
    message = answer.choices[0].message
    assert message.content == "住宅抵押率最高不超过70%[1]。"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "assistant:finance"
    [annotation] = message.annotations
    cited = annotation.url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert cited.title == "授信管理办法"
    assert cited.url.endswith(f"/api/v1/documents/{annotation.karez['document_id']}/content?page=3")
    assert annotation.karez["quote"].startswith("第十二条")
    assert annotation.karez["section"] == "第三章 担保"
    assert annotation.karez["index"] == 1
    assert answer.usage.completion_tokens > 0
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0


def test_a_citation_of_a_document_without_pages_opens_at_the_passage(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="员工不得接受客户单次价值超过300元的礼品[1]。")
    client = platform.client(bank.key.presented)
    [note] = ask(client, "员工不得接受价值超过多少元的礼品？").choices[0].message.annotations
    path = f"/api/v1/documents/{note.karez['document_id']}/content?passage={note.karez['chunk_id']}"
    assert note.url_citation.url.endswith(path)
    reader = bank.organisation.key(bank.organisation.finance, KeyScope.DOCUMENTS_READ)
    headers = {"Authorization": f"Bearer {reader.presented}"}
    opened = httpx.get(f"{platform.base_url}{path}", headers=headers)
    assert opened.status_code == 200
    assert note.karez["quote"] in [passage["text"] for passage in opened.json()["passages"]]
    for place in ("passage=1", "passage=0", "passage=x", f"passage={'9' * 30}"):
        address = f"{platform.base_url}{path.partition('?')[0]}?{place}"
        assert httpx.get(address, headers=headers).status_code in (404, 422)
    stranger = bank.organisation.key(bank.organisation.energy, KeyScope.DOCUMENTS_READ).presented
    refused = httpx.get(f"{platform.base_url}{path}", headers={"Authorization": f"Bearer {stranger}"})
    assert refused.status_code == 404


def test_a_stream_says_the_same_with_the_annotations_before_the_end(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text=RIGHT.text, reasoning="查第十二条。", chunk=1)
    chunks = list(
        ask(platform.client(bank.key.presented), stream=True, stream_options={"include_usage": True})
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == RIGHT.text
    assert "".join(getattr(delta, "reasoning_content", "") or "" for delta in deltas) == "查第十二条。"
    assert "".join(getattr(delta, "reasoning", "") or "" for delta in deltas) == "查第十二条。"
    assert deltas[0].role == "assistant"
    assert [a["url_citation"]["title"] for a in deltas[-2].annotations] == ["授信管理办法"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-2:] == [None, "stop"]
    assert chunks[-1].choices == []
    assert chunks[-2].karez["engine"] == "fake-model"
    assert chunks[-2].karez["reasoning_ms"] == messages_of(bank)[-1].reasoning_ms
    assert (
        chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + chunks[-1].usage.completion_tokens
    )
    assert UUID(chunks[0].karez["conversation_id"])


def test_without_include_usage_no_chunk_has_usage(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    chunks = list(ask(platform.client(bank.key.presented), stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_a_wrong_mark_is_repaired_and_an_invented_number_never_shown(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="住宅抵押率最高不超过70%[9]。商业用房抵押率最高不超过85%[1]。")
    answer = ask(platform.client(bank.key.presented))
    assert answer.choices[0].message.content == "住宅抵押率最高不超过70%[1]。商业用房抵押率最高不超过85%。"
    assert [a.url_citation.title for a in answer.choices[0].message.annotations] == ["授信管理办法"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_no_passage_supports_becomes_a_refusal(
    platform: Served, bank: Bank, engine: FakeEngine, stream: bool
) -> None:
    engine.answers = Answer(text="住宅抵押率最高不超过95%。")
    answer = ask(platform.client(bank.key.presented), stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        last = chunks[-1].choices[0]
    else:
        text, last = answer.choices[0].message.content, answer.choices[0]
    assert text.startswith("抱歉，文档中没有这个问题的答案")
    assert "95%" not in text
    assert last.finish_reason == "stop"
    assert last.karez == {"refused": True, "reason": "unsupported_answer"}
    [question, refusal] = messages_of(bank)
    assert (question.status, question.reason) == ("refused", "unsupported_answer")
    assert refusal.content == text


def test_a_model_that_declines_is_a_refusal(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="资料中未提及住宅抵押的抵押率[1]。")
    answer = ask(platform.client(bank.key.presented))
    assert answer.choices[0].karez == {"refused": True, "reason": "model_declined"}
    assert answer.choices[0].message.annotations == []


def test_too_thin_evidence_is_refused_without_asking_the_engine(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    answer = ask(platform.client(bank.key.presented), "What is the melting point of tungsten?")
    assert answer.choices[0].karez["refused"] is True
    assert answer.choices[0].message.content.startswith("Sorry, the documents do not hold the answer")
    assert "Searched: 制度." in answer.choices[0].message.content
    assert engine.requests == []
    assert messages_of(bank)[1].searched_bases == [bank.base]
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.refused"]


def test_the_karez_extension_answers_from_knowledge_bases(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = RIGHT
    answer = ask(
        platform.client(bank.key.presented),
        model="fake-model",
        extra_body={"karez": {"knowledge_bases": [str(bank.base)], "top_k": 1}},
    )
    assert answer.choices[0].message.annotations[0].url_citation.title == "授信管理办法"
    assert len(engine.requests) == 1
    assert "karez" not in engine.requests[0].body


def test_question_and_answer_are_kept_and_audited(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    answer = ask(platform.client(bank.key.presented))
    question, reply = messages_of(bank)
    assert (question.role, question.status, question.content) == ("question", "answered", QUESTION)
    assert (reply.role, reply.status, reply.content, reply.model) == (
        "answer",
        "answered",
        RIGHT.text,
        "fake-model",
    )
    assert reply.completion_tokens == answer.usage.completion_tokens
    assert reply.first_token_ms is not None
    assert str(reply.pk) == answer.karez["message_id"]
    asked, given = events_of(bank)
    assert (asked.action, given.action) == ("question.asked", "answer.given")
    assert asked.actor == given.actor == bank.key.principal.actor
    assert asked.data["assistant"] == "finance"
    assert asked.data["knowledge_bases"] == [str(bank.base)]
    with tenant_scope(bank.organisation.tenant.pk):
        assert given.data["documents"] == [str(Citation.objects.get().document_id)]
    assert given.data["completion_tokens"] == reply.completion_tokens


def test_a_conversation_goes_on_by_its_identifier(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    client = platform.client(bank.key.presented)
    engine.answers = RIGHT
    first = ask(client)
    engine.answers = lambda body: Answer(
        text="以商业用房抵押的，抵押率最高不超过多少？"
        if "改写" in str(body)
        else "商业用房抵押率最高不超过60%[1]。"
    )
    second = ask(
        client,
        "那商业用房呢？",
        extra_body={"karez": {"conversation_id": first.karez["conversation_id"]}},
    )
    assert second.karez["conversation_id"] == first.karez["conversation_id"]
    assert second.karez["standalone_question"] == "以商业用房抵押的，抵押率最高不超过多少？"
    assert second.choices[0].message.content == "商业用房抵押率最高不超过60%[1]。"
    assert [message.role for message in messages_of(bank)] == ["question", "answer"] * 2


def test_a_conversation_goes_on_by_the_history_alone(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    client = platform.client(bank.key.presented)
    engine.answers = RIGHT
    first = ask(client)
    history = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "以商业用房抵押的，抵押率最高不超过多少？"},
    ]
    engine.answers = Answer(text="商业用房抵押率最高不超过60%[1]。")
    second = client.chat.completions.create(model="assistant:finance", messages=history)
    assert second.karez["conversation_id"] == first.karez["conversation_id"]
    with tenant_scope(bank.organisation.tenant.pk):
        assert Conversation.objects.count() == 1


@pytest.mark.parametrize(("users", "together"), [((None, None), False), (("li", "wang"), True)])
def test_people_who_share_a_key_do_not_get_into_each_others_conversations(
    platform: Served, bank: Bank, engine: FakeEngine, users: tuple[Any, Any], together: bool
) -> None:
    client = platform.client(bank.key.presented)
    engine.answers = RIGHT
    named = [{"user": user} if user else {} for user in users]
    first, other = (ask(client, **options).karez["conversation_id"] for options in named)
    assert first != other
    history = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": RIGHT.text},
        {"role": "user", "content": "以商业用房抵押的，抵押率最高不超过多少？"},
    ]
    engine.answers = Answer(text="商业用房抵押率最高不超过60%[1]。")
    goes_on = client.chat.completions.create(model="assistant:finance", messages=history, **named[0])
    # Without a name nobody can tell whose it is.
    assert (goes_on.karez["conversation_id"] == first) == together
    assert goes_on.karez["conversation_id"] != other


def test_a_first_question_is_never_rewritten(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    ask(platform.client(bank.key.presented), "那它最高是多少？住宅抵押率")
    assert len(engine.requests) == 1


def test_another_department_sees_neither_assistant_nor_base_nor_conversation(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = RIGHT
    conversation = ask(platform.client(bank.key.presented)).karez["conversation_id"]
    for stranger in (
        bank.organisation.key(bank.organisation.energy),
        _other_key(),
    ):
        client = platform.client(stranger.presented)
        with pytest.raises(openai.NotFoundError) as assistant:
            ask(client)
        assert assistant.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError) as base:
            ask(client, model="fake-model", extra_body={"karez": {"knowledge_bases": [str(bank.base)]}})
        assert base.value.code == "not_found"
        own = {"knowledge_bases": [], "conversation_id": conversation}
        with pytest.raises(openai.NotFoundError):
            ask(client, model="fake-model", extra_body={"karez": own})
    assert len(engine.requests) == 1


def _other_key() -> Any:
    other = make_organisation()
    return other.key(other.root)


def test_a_passage_above_the_clearance_is_not_used(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    secret = Text(title="机密", text="行长的办公室电话是 55550199。", secrecy=Secrecy.SECRET)
    base = make_base(department=bank.organisation.finance, name="机密", texts=[secret])
    engine.answers = Answer(text="行长的办公室电话是 55550199[1]。")
    asked = {"karez": {"knowledge_bases": [str(base)]}}
    question = "行长的办公室电话是多少？"
    refused = ask(platform.client(bank.key.presented), question, model="fake-model", extra_body=asked)
    assert refused.choices[0].karez == {"refused": True, "reason": "nothing_found"}
    assert engine.requests == []
    cleared = bank.organisation.key(bank.organisation.finance, clearance=Secrecy.SECRET)
    told = ask(platform.client(cleared.presented), question, model="fake-model", extra_body=asked)
    assert told.choices[0].message.content == "行长的办公室电话是 55550199[1]。"


def test_without_an_engine_the_best_passages_are_quoted(
    served: Served, embedder: FakeEngine, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.controlplane.api.openai.conftest import configure

    configure(monkeypatch, engines="", embedding_url=embedder.base_url)
    message = ask(served.client(bank.key.presented)).choices[0].message
    assert message.content.startswith("没有配置语言模型")
    first = message.annotations[0]
    assert first.url_citation.title == "授信管理办法"
    cited = first.url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"


def test_with_the_embedding_service_down_it_is_found_by_keywords(
    served: Served, engine: FakeEngine, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.controlplane.api.openai.conftest import configure

    configure(monkeypatch, engines=engine.base_url, embedding_url="http://127.0.0.1:9/v1")
    engine.answers = RIGHT
    answer = ask(served.client(bank.key.presented))
    assert answer.karez["degraded"] == ["dense"]
    assert answer.choices[0].message.content == RIGHT.text
