"""Thumbs up and down: the asker's to give, the managers' to work through."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Feedback, FeedbackResolution
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope, User
from controlplane.tenants.models import Role
from tests.controlplane.chat.conversations import Held, hold, supersede
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.organisations import Organisation

DOWN = {"rating": "down", "reasons": ["wrong", "wrong_source"], "comment": "It is 60 %."}


@dataclass(frozen=True, slots=True)
class Desk:
    """Finance's assistant was asked by somebody of lending."""

    organisation: Organisation
    asker: User
    held: Held
    client: APIClient

    def manager(self) -> APIClient:
        return signed_in(self.organisation.member(self.organisation.finance, Role.MANAGER))

    def give(self, sent: Any = DOWN) -> Any:
        return self.client.put(self.held.feedback, sent, format="json")

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with tenant_scope(self.organisation.tenant.pk):
            found = event_list(tenant_id=self.organisation.tenant.pk).order_by("sequence")
            return [(e.action, e.data) for e in found if e.action.startswith("feedback")]


@pytest.fixture
def desk(organisation: Organisation) -> Desk:
    assistant = make_assistant(department=organisation.finance, slug="finance", bases=[])
    asker = organisation.member(organisation.finance)
    return Desk(organisation, asker, hold(asker=asker, assistant=assistant), signed_in(asker))


def test_it_is_given_changed_and_withdrawn(desk: Desk) -> None:
    given = desk.give()
    assert given.status_code == 200
    assert {k: v for k, v in given.json().items() if k != "updated_at"} == DOWN
    path = f"/api/v1/conversations/{desk.held.conversation.pk}"
    question, answer = desk.client.get(path).json()["messages"]
    assert (question["feedback"], answer["feedback"]) == (None, given.json())
    changed = desk.give({"rating": "up"}).json()
    assert (changed["rating"], changed["reasons"], changed["comment"]) == ("up", [], "")
    with tenant_scope(desk.organisation.tenant.pk):
        assert Feedback.objects.count() == 1
    for _ in range(2):
        assert desk.client.delete(desk.held.feedback).status_code == 204
    assert desk.client.get(path).json()["messages"][1]["feedback"] is None
    assert [(action, data["rating"]) for action, data in desk.events()] == [
        ("feedback.given", "down"),
        ("feedback.changed", "up"),
        ("feedback.withdrawn", "up"),
    ]
    assert "It is 60 %." not in str(desk.events())


def test_the_same_sent_twice_counts_once(desk: Desk) -> None:
    first, second = desk.give(), desk.give()
    assert first.json() == second.json()
    assert [action for action, _ in desk.events()] == ["feedback.given"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"rating": "middling"}, "rating"),
        ({}, "rating"),
        ({"rating": "down", "reasons": ["ugly"]}, "reasons.0"),
        ({"rating": "down", "reasons": "wrong"}, "reasons"),
        ({"rating": "down", "comment": "x" * 2001}, "comment"),
    ],
)
def test_what_is_not_understood_is_named(desk: Desk, sent: Any, field: str) -> None:
    response = desk.give(sent)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_field")
    assert response.json()["field"].startswith(field.partition(".")[0])
    assert desk.events() == []


def test_only_the_asker_gives_it(desk: Desk) -> None:
    organisation = desk.organisation
    desk.give()
    strangers = [
        signed_in(organisation.member(organisation.finance)),
        desk.manager(),
        signed_in(organisation.member(organisation.root, Role.ADMIN)),
        organisation.key(organisation.finance, *KeyScope.values).client,
    ]
    for stranger in strangers:
        for response in (
            stranger.put(desk.held.feedback, {"rating": "up"}, format="json"),
            stranger.delete(desk.held.feedback),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    with tenant_scope(organisation.tenant.pk):
        assert Feedback.objects.get().rating == "down"


def test_questions_and_answers_no_longer_shown_take_none(desk: Desk) -> None:
    question = f"/api/v1/messages/{desk.held.question.pk}/feedback"
    assert desk.client.put(question, DOWN, format="json").status_code == 404
    supersede(desk.held.answer)
    assert desk.give().status_code == 404
    assert desk.events() == []


def test_managers_work_through_it(desk: Desk) -> None:
    desk.give()
    manager = desk.manager()
    [row] = manager.get("/api/v1/feedback?status=open&rating=down").json()["results"]
    assert row["answer_id"] == str(desk.held.answer.pk)
    assert row["conversation_id"] == str(desk.held.conversation.pk)
    assert (row["assistant"], row["department"]) == ("finance", "finance")
    assert (row["question"], row["comment"]) == ("抵押率最高不超过多少？", "It is 60 %.")
    assert (row["status"], row["note"], row["decided_by"]) == ("open", "", None)
    path = f"/api/v1/feedback/{row['id']}"
    resolved = manager.patch(path, {"status": "resolved", "note": "Document replaced."}, format="json").json()
    assert (resolved["status"], resolved["note"]) == ("resolved", "Document replaced.")
    assert resolved["decided_by"].startswith("user:")
    assert manager.get("/api/v1/feedback?status=open").json()["results"] == []
    assert len(manager.get("/api/v1/feedback?status=resolved").json()["results"]) == 1
    reopened = manager.patch(path, {"status": "open"}, format="json").json()
    assert (reopened["status"], reopened["note"]) == ("open", "Document replaced.")
    assert [action for action, _ in desk.events()] == [
        "feedback.given",
        "feedback.resolved",
        "feedback.reopened",
    ]
    assert desk.events()[1][1]["note"] == "Document replaced."


def test_what_its_asker_changes_is_open_again(desk: Desk) -> None:
    desk.give()
    manager = desk.manager()
    [row] = manager.get("/api/v1/feedback").json()["results"]
    manager.patch(f"/api/v1/feedback/{row['id']}", {"status": "resolved", "note": "Done."}, format="json")
    desk.give({**DOWN, "comment": "Still wrong."})
    [row] = manager.get("/api/v1/feedback?status=open").json()["results"]
    assert (row["status"], row["note"], row["comment"]) == ("open", "Done.", "Still wrong.")


@pytest.mark.parametrize("query", ["status=new", "rating=sideways", "cursor=x"])
def test_unknown_filters_are_named(desk: Desk, query: str) -> None:
    response = desk.manager().get(f"/api/v1/feedback?{query}")
    assert (response.status_code, response.json()["field"]) == (422, query.partition("=")[0])


def test_only_the_departments_managers_see_and_decide(desk: Desk, other: Organisation) -> None:
    desk.give()
    organisation = desk.organisation
    [row] = desk.manager().get("/api/v1/feedback").json()["results"]
    path, sent = f"/api/v1/feedback/{row['id']}", {"status": "resolved"}
    elsewhere = [
        signed_in(organisation.member(organisation.energy, Role.ADMIN)),
        signed_in(organisation.member(organisation.lending, Role.MANAGER)),
        signed_in(other.member(other.root, Role.ADMIN)),
    ]
    for client in elsewhere:
        assert client.get("/api/v1/feedback").json()["results"] == []
        assert client.patch(path, sent, format="json").status_code == 404
    nobodies = [
        desk.client,
        organisation.key(
            organisation.finance, KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE, KeyScope.DOCUMENTS_READ
        ).client,
    ]
    for client in nobodies:
        for response in (client.get("/api/v1/feedback"), client.patch(path, sent, format="json")):
            assert (response.status_code, response.json()["code"]) == (403, "not_a_reviewer")
    with tenant_scope(organisation.tenant.pk):
        assert FeedbackResolution.objects.count() == 0
    administrator = organisation.key(organisation.finance, KeyScope.ADMIN).client
    assert len(administrator.get("/api/v1/feedback").json()["results"]) == 1


def test_the_list_costs_as_many_queries_for_many_as_for_one(desk: Desk) -> None:
    assistant, manager, counts = desk.held.conversation.assistant, desk.manager(), []
    assert assistant is not None
    for more in (1, 12):
        for _ in range(more):
            held = hold(asker=desk.asker, assistant=assistant)
            desk.client.put(held.feedback, DOWN, format="json")
        rows = manager.get("/api/v1/feedback").json()["results"]
        path = f"/api/v1/feedback/{rows[0]['id']}"
        manager.patch(path, {"status": "resolved"}, format="json")
        with CaptureQueriesContext(connection) as captured:
            manager.get("/api/v1/feedback")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_it_goes_with_its_conversation(desk: Desk) -> None:
    desk.give()
    assert desk.client.delete(f"/api/v1/conversations/{desk.held.conversation.pk}").status_code == 204
    assert desk.manager().get("/api/v1/feedback").json()["results"] == []
