"""Reading along in the console: who may, what is shown, and that nothing is changed by it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Feedback, FeedbackResolution, Message, MessageStatus
from controlplane.chat.selectors import CitationView, MessageView
from controlplane.console.transcript import turns_of
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import Document
from controlplane.identity.models import User
from controlplane.tenants.models import Role
from tests.controlplane.chat.conversations import Held, hold
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.identity.test_sessions import signed_in as api_client
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.organisations import Organisation


@pytest.fixture
def held(organisation: Organisation) -> Held:
    """Of finance's assistant."""
    base = make_base(
        department=organisation.finance, name="制度", texts=[Text("办法", "抵押率最高不超过70%。")]
    )
    with tenant_scope(organisation.tenant.pk):
        rules = Document.objects.values_list("pk", flat=True).get()
    return hold(
        asker=organisation.member(organisation.finance),
        assistant=make_assistant(department=organisation.finance, slug="finance", bases=[base]),
        question="<b>抵押率</b>最高不超过多少？",
        cites=[rules],
    )


def give(held: Held, rating: str = "down", comment: str = "<img src=x onerror=alert(1)>") -> Feedback:
    tenant_id = held.conversation.tenant_id
    with tenant_scope(tenant_id):
        asker = User.objects.get(pk=held.conversation.actor.removeprefix("user:"))
    body = {"rating": rating, "reasons": ["incomplete"], "comment": comment}
    assert api_client(asker).put(held.feedback, body, format="json").status_code == 200
    with tenant_scope(tenant_id):
        return Feedback.objects.get(message=held.answer)


def manager(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.finance, Role.MANAGER))


def resolutions(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return FeedbackResolution.objects.count()


def test_the_list_and_the_transcript(organisation: Organisation, held: Held) -> None:
    client = manager(organisation)
    page = client.get("/conversations/")
    assert "&lt;b&gt;抵押率&lt;/b&gt;最高不超过多少？" in page.text
    assert "<b>抵押率" not in page.text
    opened = client.get(f"/conversations/{held.conversation.pk}/")
    assert "最高不超过70%" in opened.text
    assert "抵押率最高不超过70%。" in opened.text  # the passage itself
    with tenant_scope(organisation.tenant.pk):
        assert event_list(tenant_id=organisation.tenant.pk, action="conversation.reviewed").count() == 1


def test_a_refusal_is_told_in_words(organisation: Organisation, held: Held) -> None:
    with tenant_scope(organisation.tenant.pk):
        Message.objects.filter(conversation=held.conversation).update(
            status="refused", reason="weak_evidence"
        )
    opened = manager(organisation).get(
        f"/conversations/{held.conversation.pk}/", headers={"Accept-Language": "en"}
    )
    assert "what was found is not enough" in opened.text
    assert "weak_evidence" not in opened.text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("?q=抵押率", 1),
        ("?q=nothing-like-it", 0),
        ("?assistant=finance", 1),
        ("?assistant=energy", 0),
        ("?status=answered", 1),
        ("?status=refused", 0),
        ("?since=2000-01-01", 1),
        ("?until=2000-01-01", 0),
        ("?since=not-a-day&status=nonsense", 1),
        ("?since=0002-11-25", 1),  # what a date field says while a year is typed
        ("?since=0001-01-01&until=9999-12-31", 1),
        ("?until=0202-11-25", 0),
    ],
)
def test_filters(organisation: Organisation, held: Held, query: str, count: int) -> None:
    page = manager(organisation).get(f"/conversations/{query}")
    assert page.status_code == 200
    assert page.text.count(f"/conversations/{held.conversation.pk}/") == count


@pytest.mark.parametrize("path", ["/conversations/", "/conversations/{id}/", "/feedback/"])
def test_nobody_else_reads(organisation: Organisation, other: Organisation, held: Held, path: str) -> None:
    address = path.format(id=held.conversation.pk)
    assert signed_in(organisation.member(organisation.finance)).get(address).status_code == 403
    for stranger in (
        organisation.member(organisation.energy, Role.ADMIN),
        other.member(other.root, Role.ADMIN),
    ):
        answer = signed_in(stranger).get(address)
        assert str(held.conversation.pk) not in answer.text or answer.status_code == 404
        assert "抵押率" not in answer.text
    with tenant_scope(organisation.tenant.pk):
        assert not event_list(tenant_id=organisation.tenant.pk, action="conversation.reviewed").exists()


def test_the_list_asks_the_database_as_often_for_many_as_for_one(
    organisation: Organisation, held: Held
) -> None:
    client = manager(organisation)
    client.get("/conversations/")
    with CaptureQueriesContext(connection) as one:
        client.get("/conversations/")
    asker = organisation.member(organisation.finance)
    for _ in range(5):
        hold(asker=asker, assistant=held.conversation.assistant, status=MessageStatus.REFUSED)
    with CaptureQueriesContext(connection) as many:
        client.get("/conversations/")
    assert len(many) <= len(one)


def test_the_queue_begins_with_what_is_open_and_not_helpful(organisation: Organisation, held: Held) -> None:
    give(held)
    client = manager(organisation)
    page = client.get("/feedback/")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
    assert "<img src=x" not in page.text
    assert str(held.conversation.pk) in client.get("/feedback/?status=&rating=").text
    assert str(held.conversation.pk) not in client.get("/feedback/?status=open&rating=up").text


def test_resolving_and_opening_again(organisation: Organisation, held: Held) -> None:
    feedback, client = give(held), manager(organisation)
    body = {"status": "resolved", "note": "已补充新规", "next": "/feedback/?status=open&rating=down"}
    done = client.post(f"/feedback/{feedback.pk}", body)
    assert done.headers["Location"] == "/feedback/?status=open&rating=down"
    assert str(held.conversation.pk) not in client.get("/feedback/").text
    assert "已补充新规" in client.get("/feedback/?status=resolved&rating=").text
    client.post(f"/feedback/{feedback.pk}", {"status": "open", "next": "//evil.example/"})
    assert str(held.conversation.pk) in client.get("/feedback/").text
    assert resolutions(organisation) == 1


def test_a_note_that_is_too_long_changes_nothing(organisation: Organisation, held: Held) -> None:
    feedback = give(held)
    manager(organisation).post(f"/feedback/{feedback.pk}", {"status": "resolved", "note": "x" * 2001})
    assert resolutions(organisation) == 0


@pytest.mark.parametrize("who", ["member", "elsewhere", "other"])
def test_nobody_else_decides(organisation: Organisation, other: Organisation, held: Held, who: str) -> None:
    feedback = give(held)
    people = {
        "member": organisation.member(organisation.finance),
        "elsewhere": organisation.member(organisation.energy, Role.ADMIN),
        "other": other.member(other.root, Role.ADMIN),
    }
    answer = signed_in(people[who]).post(f"/feedback/{feedback.pk}", {"status": "resolved"})
    assert answer.status_code in (403, 404)
    assert resolutions(organisation) == 0


def transcript(organisation: Organisation, held: Held) -> str:
    with tenant_scope(organisation.tenant.pk):
        cited = [CitationView(citation=c, quote=None) for c in held.answer.citations.all()]
    [turn] = turns_of(messages=[MessageView(held.question, ()), MessageView(held.answer, tuple(cited))])
    return turn.html


def test_the_marks_of_an_answer_lead_to_its_citations(organisation: Organisation, held: Held) -> None:
    mark = f'<span class="joined">&#8288;<a class="cite" href="#m{held.answer.pk}-1">[1]</a></span>'
    assert transcript(organisation, held) == f"<p>最高不超过70%{mark}。</p>\n"
    page = manager(organisation).get(f"/conversations/{held.conversation.pk}/").text
    assert mark in page
    assert f'<li id="m{held.answer.pk}-1">' in page


def test_an_answer_is_read_as_it_was_meant_and_nothing_of_it_runs(
    organisation: Organisation, held: Held
) -> None:
    held.answer.content = (
        "**上限**[1][2]\n\n| 抵押物 | 比例 |\n|---|--:|\n| <script>alert(1)</script> | 70% |\n\n"
        "<img src=x onerror=alert(1)> ![x](https://evil.example/p.png) [x](javascript:alert(1))"
    )
    html = transcript(organisation, held)
    assert "<strong>上限</strong>" in html
    assert '<td data-align="right">70%</td>' in html
    assert "[2]" in html  # of no citation
    for part in ("<script", "<img", 'href="javascript', 'src="', "style="):
        assert part not in html
    assert "![x](https://evil.example/p.png)" in html
