"""Reading back what was asked and answered."""

from typing import Any

import psycopg

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT, ask
from tests.controlplane.organisations import make_organisation
from tests.fakes.engine import FakeEngine


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
