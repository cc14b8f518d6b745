"""Reading along: whose conversations a reviewer sees, what is withheld, and that each opening is on record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from controlplane.assistants.models import Assistant
from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation, Message, MessageRole, MessageStatus
from controlplane.core.models import first_id, new_id
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document
from controlplane.identity.models import KeyScope, User
from controlplane.tenants.models import Role
from rag.answering import RefusalReason, refusal_text
from tests.controlplane.chat.conversations import Held, add_answer, hold
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.organisations import Organisation, client_of

LIST = "/api/v1/reviews/conversations"


@dataclass(frozen=True, slots=True)
class House:
    """Finance's assistant, somebody who asks it, and its manager, who is cleared for what is internal."""

    organisation: Organisation
    assistant: Assistant
    asker: User
    manager: User
    reader: APIClient
    base: UUID
    rules: UUID
    secret: UUID

    def openings(self) -> list[Any]:
        with tenant_scope(self.organisation.tenant.pk):
            return list(event_list(tenant_id=self.assistant.tenant_id, action="conversation.reviewed"))


@pytest.fixture
def house(organisation: Organisation) -> House:
    texts = [Text("办法", "抵押率最高不超过70%。"), Text("密件", "行长的电话。", secrecy=Secrecy.SECRET)]
    base = make_base(department=organisation.finance, name="制度", texts=texts)
    manager = organisation.member(organisation.finance, Role.MANAGER)
    with tenant_scope(organisation.tenant.pk):
        ids = dict(Document.objects.values_list("title", "id"))
    return House(
        organisation,
        make_assistant(department=organisation.finance, slug="finance", bases=[base]),
        organisation.member(organisation.finance, clearance=Secrecy.SECRET),
        manager,
        signed_in(manager),
        base,
        ids["办法"],
        ids["密件"],
    )


def listed(client: APIClient, **query: str) -> list[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["results"]]


def test_a_manager_reads_and_it_is_recorded(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant, cites=[house.rules])
    signed_in(house.asker).put(held.feedback, {"rating": "down"}, format="json")
    [row] = house.reader.get(LIST).json()["results"]
    assert (row["id"], row["actor"]) == (str(held.conversation.pk), f"user:{house.asker.pk}")
    assert (row["assistant"], row["department"], row["status"]) == ("finance", "finance", "answered")
    assert house.openings() == []
    body = house.reader.get(held.review).json()
    question, answer = body["messages"]
    assert question["content"] == "抵押率最高不超过多少？"
    assert (answer["content"], answer["reasoning"]) == ("最高不超过70%[1]。", "查第十二条。")
    assert (answer["withheld"], answer["citations"][0]["quote"]) == (False, "抵押率最高不超过70%。")
    assert answer["feedback"]["rating"] == "down"
    [event] = house.openings()
    assert (event.actor, event.target) == (
        f"user:{house.manager.pk}",
        f"conversation:{held.conversation.pk}",
    )
    assert event.data == {"of": f"user:{house.asker.pk}", "withheld": []}


def test_an_answer_from_what_the_reviewer_may_not_read_is_withheld(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant, cites=[house.rules, house.secret])
    with tenant_scope(house.organisation.tenant.pk):
        Message.objects.create(
            tenant_id=house.assistant.tenant_id,
            conversation=held.conversation,
            role=MessageRole.QUESTION,
            status=MessageStatus.ANSWERED,
            content="还有呢？",
            standalone_question="行长的电话还有别的吗？",
        )
        add_answer(held.conversation, cites=[house.rules])
    _first, hidden, second, later = house.reader.get(held.review).json()["messages"]
    assert (hidden["withheld"], hidden["content"], hidden["reasoning"]) == (True, "", "")
    assert (hidden["citations"], hidden["status"]) == ([], "answered")
    # What follows may go back to it.
    assert (second["content"], second["standalone_question"]) == ("还有呢？", "")
    assert (later["withheld"], later["content"], later["reasoning"]) == (False, "最高不超过70%[1]。", "")
    assert house.openings()[0].data["withheld"] == [str(held.answer.pk)]
    cleared = signed_in(
        house.organisation.member(house.organisation.finance, Role.MANAGER, clearance=Secrecy.SECRET)
    )
    messages = cleared.get(held.review).json()["messages"]
    assert not any(message["withheld"] for message in messages)
    assert messages[2]["standalone_question"] == "行长的电话还有别的吗？"


@pytest.mark.parametrize("known", [True, False])
def test_reasoning_about_what_was_shown_and_not_cited_is_withheld(house: House, known: bool) -> None:
    held = hold(
        asker=house.asker,
        assistant=house.assistant,
        cites=[house.rules],
        shown=[house.rules, house.secret],
    )
    if not known:  # an answer from before it was noted
        with tenant_scope(house.organisation.tenant.pk):
            Message.objects.filter(pk=held.answer.pk).update(shown_documents=None)
    answer = house.reader.get(held.review).json()["messages"][1]
    assert (answer["withheld"], answer["content"], answer["reasoning"]) == (False, "最高不超过70%[1]。", "")


@pytest.mark.parametrize("shows_secret", [True, False])
def test_a_line_that_cites_nothing_may_rest_on_whatever_was_shown(house: House, shows_secret: bool) -> None:
    shown = [house.rules, house.secret] if shows_secret else [house.rules]
    held = hold(asker=house.asker, assistant=house.assistant, cites=[house.rules], shown=shown)
    table = "\n| 项目 | 号码 |\n|---|---|\n| 行长 | 8800 |"
    with tenant_scope(house.organisation.tenant.pk):
        Message.objects.filter(pk=held.answer.pk).update(content=held.answer.content + table)
    answer = house.reader.get(held.review).json()["messages"][1]
    assert answer["withheld"] is shows_secret
    assert ("8800" in answer["content"]) is not shows_secret


def refuse(held: Held, *, naming: Mapping[UUID, str], known: bool = True) -> None:
    """The answer as a refusal that names what was searched."""
    text = refusal_text(reason=RefusalReason.NOTHING_FOUND, language="zh", searched=[*naming.values()])
    with tenant_scope(held.answer.tenant_id):
        Message.objects.filter(pk=held.answer.pk).update(
            status=MessageStatus.REFUSED,
            reason=RefusalReason.NOTHING_FOUND,
            content=text,
            searched_bases=list(naming) if known else None,
        )


@pytest.mark.parametrize("known", [True, False])
def test_a_refusal_names_no_base_that_the_reviewer_may_not_see(house: House, known: bool) -> None:
    """Asked by somebody of two departments; the manager of one of them reads along."""
    closed = make_base(department=house.organisation.energy, name="并购计划", texts=[])
    held = hold(asker=house.asker, assistant=house.assistant)
    refuse(held, naming={house.base: "制度", closed: "并购计划"}, known=known)
    with tenant_scope(house.organisation.tenant.pk):
        Message.objects.create(
            tenant_id=house.assistant.tenant_id,
            conversation=held.conversation,
            role=MessageRole.QUESTION,
            status=MessageStatus.ANSWERED,
            content="还有呢？",
            standalone_question="并购计划里还有什么？",
        )
        add_answer(held.conversation, cites=[house.rules])
    body = house.reader.get(held.review)
    assert "并购计划" not in body.content.decode()
    _question, refusal, _second, later = body.json()["messages"]
    named = ["制度"] if known else []
    assert (refusal["withheld"], refusal["content"]) == (
        False,
        refusal_text(reason=RefusalReason.NOTHING_FOUND, language="zh", searched=named),
    )
    assert (later["content"], later["reasoning"]) == ("最高不超过70%[1]。", "")
    own = signed_in(house.asker).get(f"/api/v1/conversations/{held.conversation.pk}").json()
    assert "并购计划" in own["messages"][1]["content"]


def test_a_refusal_names_what_the_reviewer_may_see(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    refuse(held, naming={house.base: "制度"})
    with tenant_scope(house.organisation.tenant.pk):
        add_answer(held.conversation, cites=[house.rules])
    _question, refusal, later = house.reader.get(held.review).json()["messages"]
    assert "已检索：制度。" in refusal["content"]
    assert later["reasoning"] == "查第十二条。"


def test_a_refusal_for_a_reason_that_is_not_known_any_more_is_withheld(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    refuse(held, naming={house.base: "制度"}, known=False)
    with tenant_scope(house.organisation.tenant.pk):
        Message.objects.filter(pk=held.answer.pk).update(reason="of old")
    refusal = house.reader.get(held.review).json()["messages"][1]
    assert (refusal["withheld"], refusal["content"]) == (True, "")


def test_an_answer_that_cites_what_was_deleted_is_withheld(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant, cites=[house.rules])
    with tenant_scope(house.organisation.tenant.pk):
        Document.objects.filter(pk=house.rules).delete()
    answer = house.reader.get(held.review).json()["messages"][1]
    assert (answer["withheld"], answer["content"]) == (True, "")


def test_opening_ones_own_is_no_review(house: House) -> None:
    held = hold(asker=house.manager, assistant=house.assistant)
    assert house.reader.get(held.review).status_code == 200
    assert house.openings() == []


def test_the_department_is_the_one_at_the_beginning(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    with tenant_scope(house.organisation.tenant.pk):
        Assistant.objects.filter(pk=house.assistant.pk).update(department=house.organisation.energy)
    assert listed(house.reader) == [str(held.conversation.pk)]
    energy = signed_in(house.organisation.member(house.organisation.energy, Role.ADMIN))
    assert listed(energy) == []


def test_others_read_nothing(house: House, other: Organisation) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    organisation = house.organisation
    reviewers_elsewhere = [
        signed_in(organisation.member(organisation.energy, Role.ADMIN)),
        signed_in(organisation.member(organisation.lending, Role.MANAGER)),
        signed_in(other.member(other.root, Role.ADMIN)),
        organisation.key(organisation.energy, *KeyScope.values).client,
    ]
    for client in reviewers_elsewhere:
        assert listed(client) == []
        assert client.get(held.review).status_code == 404
    token = house.reader.get("/api/v1/session/token").json()["token"]
    writers = organisation.key(organisation.finance, KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE)
    for client in (signed_in(house.asker), client_of(token), writers.client):
        for path in (LIST, held.review):
            response = client.get(path)
            assert (response.status_code, response.json()["code"]) == (403, "not_a_reviewer")
    assert house.openings() == []


def test_a_reviewer_changes_nothing(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    own = f"/api/v1/conversations/{held.conversation.pk}"
    for response in (
        house.reader.get(own),
        house.reader.patch(own, {"title": "x"}, format="json"),
        house.reader.delete(own),
    ):
        assert response.status_code == 404
    assert house.reader.delete(held.review).status_code == 405
    with tenant_scope(house.organisation.tenant.pk):
        assert Conversation.objects.get().title == held.conversation.title


def test_conversations_without_an_assistant_are_nobodys_to_review(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant)
    with tenant_scope(house.organisation.tenant.pk):
        Conversation.objects.update(department=None, assistant=None)
    assert listed(house.reader) == []
    assert house.reader.get(held.review).status_code == 404


def test_the_list_is_filtered(house: House) -> None:
    organisation = house.organisation
    second = make_assistant(department=organisation.lending, slug="lending", bases=[])
    colleague = organisation.member(organisation.finance)
    answered = hold(asker=house.asker, assistant=house.assistant, question="抵押率多少？")
    refused = hold(
        asker=colleague, assistant=second, question="Holiday on Mars?", status=MessageStatus.REFUSED
    )
    week = timezone.now() - timedelta(days=7)
    with tenant_scope(organisation.tenant.pk):
        Conversation.objects.filter(pk=refused.conversation.pk).update(created_at=week)
    one, two = str(answered.conversation.pk), str(refused.conversation.pk)
    today = timezone.localdate()
    days_ago = (today - timedelta(days=6)).isoformat()
    for query, expected in (
        ({}, [two, one]),
        ({"assistant": "lending"}, [two]),
        ({"assistant": "nobody"}, []),
        ({"actor": f"user:{house.asker.pk}"}, [one]),
        ({"status": "refused"}, [two]),
        ({"status": "answered"}, [one]),
        ({"status": "failed"}, []),
        ({"since": days_ago}, [one]),
        ({"until": today.isoformat()}, [two, one]),
        ({"since": today.isoformat(), "until": today.isoformat()}, [one]),
        ({"until": (today - timedelta(days=30)).isoformat()}, []),
        ({"q": "mars"}, [two]),
        ({"q": "抵押率", "status": "answered", "assistant": "finance"}, [one]),
        ({"q": "venus"}, []),
    ):
        assert listed(house.reader, **query) == expected, query
    assert [listed(house.reader, limit="1"), len(listed(house.reader, limit="9"))] == [[two], 2]


@pytest.mark.parametrize(
    "query", ["status=odd", "since=yesterday", "until=2026-13-01", "assistant=%20", "cursor=x"]
)
def test_filters_that_are_not_understood_are_named(house: House, query: str) -> None:
    response = house.reader.get(f"{LIST}?{query}")
    assert (response.status_code, response.json()["field"]) == (422, query.partition("=")[0])


def test_the_list_costs_as_many_queries_for_many_as_for_one(house: House) -> None:
    listed(house.reader)  # renews the session, once in an hour
    counts = []
    for more in (1, 20):
        for _ in range(more):
            hold(asker=house.asker, assistant=house.assistant)
        with CaptureQueriesContext(connection) as captured:
            listed(house.reader, q="抵押", status="answered")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_opening_costs_as_many_queries_for_many_answers_as_for_one(house: House) -> None:
    held = hold(asker=house.asker, assistant=house.assistant, cites=[house.rules])
    house.reader.get(held.review)  # renews the session, once in an hour
    counts = []
    for more in (0, 15):
        with tenant_scope(house.organisation.tenant.pk):
            for _ in range(more):
                add_answer(held.conversation, cites=[house.rules, house.secret])
        with CaptureQueriesContext(connection) as captured:
            house.reader.get(held.review)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_ids_stand_where_their_moment_does() -> None:
    before = timezone.now() - timedelta(seconds=1)
    made = new_id()
    assert first_id(at=before) < made < first_id(at=timezone.now() + timedelta(seconds=1))
