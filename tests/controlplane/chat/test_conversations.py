"""Reading back what was asked and answered."""

from typing import Any

import psycopg
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document, Passage
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT, ask, messages_of
from tests.controlplane.api.openai.test_openai_failures import wait_for
from tests.controlplane.organisations import make_organisation
from tests.fakes.engine import Answer, FakeEngine


def held(platform: Served, bank: Bank, engine: FakeEngine) -> str:
    """A conversation of one question; its path."""
    engine.answers = RIGHT
    answer = ask(platform.client(bank.key.presented))
    return f"/api/v1/conversations/{answer.karez['conversation_id']}"


def answer_in(body: dict[str, Any]) -> dict[str, Any]:
    [_question, answer] = body["messages"]
    return dict(answer)


def test_a_conversation_is_listed_and_read_with_its_citations(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    path = held(platform, bank, engine)
    [row] = bank.key.client.get("/api/v1/conversations").json()["results"]
    assert (row["title"], row["assistant"]) == (QUESTION, "finance")
    body = bank.key.client.get(path).json()
    assert [(m["role"], m["status"]) for m in body["messages"]] == [
        ("question", "answered"),
        ("answer", "answered"),
    ]
    answer = answer_in(body)
    [citation] = answer["citations"]
    assert answer["content"][citation["start"] : citation["end"]] == "[1]"
    assert (citation["title"], citation["page"], citation["section"]) == ("授信管理办法", 3, "第三章 担保")
    assert citation["quote"].startswith("第十二条 以住宅抵押的")


def test_a_passage_over_two_pages_names_both(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    with tenant_scope(bank.organisation.tenant.pk):
        Passage.objects.filter(document__title="授信管理办法").update(page_end=4)
    path = held(platform, bank, engine)
    [citation] = answer_in(bank.key.client.get(path).json())["citations"]
    assert (citation["page"], citation["page_end"]) == (3, 4)
    with tenant_scope(bank.organisation.tenant.pk):
        Document.objects.filter(title="授信管理办法").delete()
    [citation] = answer_in(bank.key.client.get(path).json())["citations"]
    assert (citation["page"], citation["page_end"]) == (3, None)


def test_only_the_one_who_asked_sees_it(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    path = held(platform, bank, engine)
    other = make_organisation()
    for stranger in (bank.organisation.key(bank.organisation.finance), other.key(other.root)):
        assert stranger.client.get("/api/v1/conversations").json()["results"] == []
        for call in (stranger.client.get, stranger.client.delete):
            response = call(path)
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert stranger.client.patch(path, {"title": "x"}, format="json").status_code == 404
    assert bank.key.client.get(path).json()["title"] == QUESTION


def test_the_quote_goes_with_the_document(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    path = held(platform, bank, engine)
    with tenant_scope(bank.organisation.tenant.pk):
        Document.objects.filter(title="授信管理办法").delete()
    [citation] = answer_in(bank.key.client.get(path).json())["citations"]
    assert (citation["quote"], citation["title"], citation["page"]) == (None, "授信管理办法", 3)


def test_the_quote_goes_with_the_access(
    platform: Served, bank: Bank, engine: FakeEngine, superuser_dsn: str
) -> None:
    path = held(platform, bank, engine)

    def clear_for(level: Secrecy) -> None:
        with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
            superuser.execute(
                "UPDATE identity_apikey SET clearance = %s WHERE tenant_id = %s",
                [level, bank.organisation.tenant.pk],
            )

    clear_for(Secrecy.PUBLIC)
    [citation] = answer_in(bank.key.client.get(path).json())["citations"]
    assert citation["quote"] is None
    clear_for(Secrecy.INTERNAL)
    [citation] = answer_in(bank.key.client.get(path).json())["citations"]
    assert citation["quote"]


def test_rename_and_delete_are_audited(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    path = held(platform, bank, engine)
    client = bank.key.client
    renamed = client.patch(path, {"title": "抵押率"}, format="json")
    assert (renamed.status_code, renamed.json()["title"]) == (200, "抵押率")
    too_long = client.patch(path, {"title": "x" * 201}, format="json")
    assert (too_long.status_code, too_long.json()["field"]) == (422, "title")
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    with tenant_scope(bank.organisation.tenant.pk):
        events = event_list(tenant_id=bank.organisation.tenant.pk).order_by("sequence")
        actions = [event.action for event in events]
    assert actions[-4:] == ["question.asked", "answer.given", "conversation.renamed", "conversation.deleted"]


def test_an_empty_conversation_is_named_by_its_first_question(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    made = bank.key.client.post("/api/v1/conversations", {"assistant": "finance"}, format="json")
    body = made.json()
    assert made.status_code == 201
    assert (body["title"], body["assistant"], body["messages"]) == ("", "finance", [])
    engine.answers = RIGHT
    karez = {"karez": {"conversation_id": body["id"]}}
    assert ask(platform.client(bank.key.presented), extra_body=karez).karez["conversation_id"] == body["id"]
    shown = bank.key.client.get(f"/api/v1/conversations/{body['id']}").json()
    assert (shown["title"], len(shown["messages"])) == (QUESTION, 2)
    with tenant_scope(bank.organisation.tenant.pk):
        kept = Conversation.objects.get(pk=body["id"])
        assert kept.department_id == bank.organisation.finance.pk
        [created] = event_list(tenant_id=kept.tenant_id, action="conversation.created")
        assert created.data == {"assistant": "finance"}


def test_no_conversation_begins_with_an_assistant_of_others(bank: Bank) -> None:
    stranger = bank.organisation.key(bank.organisation.energy)
    response = stranger.client.post("/api/v1/conversations", {"assistant": "finance"}, format="json")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    searcher = bank.organisation.key(bank.organisation.finance, "search").client
    assert searcher.post("/api/v1/conversations", {"assistant": "finance"}, format="json").status_code == 403
    with tenant_scope(bank.organisation.tenant.pk):
        assert Conversation.objects.count() == 0


def test_conversations_are_found_by_title_and_by_question(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    path = held(platform, bank, engine)
    id_ = path.rpartition("/")[2]
    ask(
        platform.client(bank.key.presented),
        "And for a Ｖｉｌｌａ of 100% ＧＬＡＳＳ?",
        extra_body={"karez": {"conversation_id": id_}},
    )
    ask(platform.client(bank.key.presented), "员工不得接受价值超过多少元的礼品？")
    bank.key.client.patch(path, {"title": "Mortgages"}, format="json")

    def found(q: str) -> list[str]:
        results = bank.key.client.get("/api/v1/conversations", {"q": q}).json()["results"]
        return [row["id"] for row in results]

    for q in ("抵押率最高", "mortgage", "villa", "VILLA of 100%", "ｖｉｌｌａ", "villa  of\n100%"):
        assert found(q) == [id_], q
    assert len(found(" ")) == len(found("？")) == 2
    bank.key.client.patch(path, {"title": "Houses"}, format="json")
    assert (found("mortgage"), found("houses"), found("villa")) == ([], [id_], [id_])
    # Wildcards are characters like any other, and answers are not searched.
    assert found("%") == [id_]
    for q in ("_", "100_", "nothing of this", RIGHT.text):
        assert found(q) == [], q
    stranger = bank.organisation.key(bank.organisation.finance)
    assert stranger.client.get("/api/v1/conversations", {"q": "villa"}).json()["results"] == []


def test_the_list_costs_as_many_queries_for_many_as_for_one(bank: Bank) -> None:
    client = bank.key.client
    counts = []
    for more in (1, 30):
        for _ in range(more):
            client.post("/api/v1/conversations", {"assistant": "finance"}, format="json")
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/api/v1/conversations", {"q": ""}).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_how_long_the_model_reasoned_is_kept(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(
        text=RIGHT.text, reasoning="先查第十二条，再看抵押率。", chunk=3, piece_delay=0.05
    )
    ask(platform.client(bank.key.presented))
    question, answer = messages_of(bank)
    assert question.reasoning_ms is None
    assert answer.reasoning_ms is not None
    assert answer.total_ms is not None
    assert 100 <= answer.reasoning_ms < answer.total_ms
    path = f"/api/v1/conversations/{answer.conversation_id}"
    assert answer_in(bank.key.client.get(path).json())["reasoning_ms"] == answer.reasoning_ms


def test_an_answer_without_reasoning_has_no_duration_of_it(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    path = held(platform, bank, engine)
    assert answer_in(bank.key.client.get(path).json())["reasoning_ms"] is None


def test_the_first_chunk_says_where_question_and_answer_are_kept(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = RIGHT
    chunks = list(ask(platform.client(bank.key.presented), stream=True))
    question, answer = messages_of(bank)
    assert chunks[0].karez["conversation_id"] == str(question.conversation_id)
    assert (chunks[0].karez["question_id"], chunks[0].karez["answer_id"]) == (
        str(question.pk),
        str(answer.pk),
    )


def test_a_stopped_answer_is_shown_as_stopped_with_its_citations(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="住宅抵押率最高不超过70%[1]。" + "商业用房" * 200, chunk=2, piece_delay=0.02)
    stream = ask(platform.client(bank.key.presented), stream=True)
    seen = ""
    for chunk in stream:
        seen += chunk.choices[0].delta.content or ""
        if "商业" in seen:
            break
    stream.close()
    wait_for(lambda: messages_of(bank)[0].status == "stopped")
    path = f"/api/v1/conversations/{messages_of(bank)[0].conversation_id}"
    question, answer = bank.key.client.get(path).json()["messages"]
    assert (question["status"], answer["status"]) == ("stopped", "stopped")
    assert answer["content"].startswith(seen)
    [citation] = answer["citations"]
    assert answer["content"][citation["start"] : citation["end"]] == "[1]"
    assert citation["quote"]
