"""A department that was ever asked can be deleted: what was counted of it counts with the one above from then on."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.assistants.models import Assistant
from controlplane.chat.models import Conversation, Feedback
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.metering.figures import Figures, total
from controlplane.metering.models import HourlyUsage
from controlplane.metering.selectors import stored_usage
from controlplane.metering.services import usage_roll_up
from controlplane.tenants.models import Department, Role
from tests.controlplane.console.test_pages import signed_in as console
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.metering.talk import ask, rate
from tests.controlplane.organisations import Organisation

TEN = datetime(2026, 3, 4, 10, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = TEN + 2 * HOUR + 7 * MINUTE
LENDING = "/api/v1/departments/lending"


def figures(organisation: Organisation) -> dict[tuple[str, datetime], Figures]:
    with tenant_scope(organisation.tenant.pk):
        names = dict(Department.objects.values_list("id", "slug"))
        stored = stored_usage(tenant_id=organisation.tenant.pk, start=TEN - HOUR, end=NOON)
    keys = {(names[one.department_id], one.hour) for one in stored}
    return {
        key: total([one.figures for one in stored if (names[one.department_id], one.hour) == key])
        for key in keys
    }


@pytest.fixture
def asked(organisation: Organisation) -> Organisation:
    """In finance and beneath it, in one hour of the same assistant, which has moved up; and in another one beneath alone."""
    tenant_id = organisation.tenant.pk
    assistant = make_assistant(department=organisation.lending, slug="credit", bases=[])
    ask(assistant=assistant, tenant_id=tenant_id, at=TEN + MINUTE, cited=True, rating="up")
    ask(assistant=assistant, tenant_id=tenant_id, at=TEN + HOUR, status="refused", reason="weak_evidence")
    with tenant_scope(tenant_id):
        Assistant.objects.filter(pk=assistant.pk).update(department=organisation.finance)
        assistant.refresh_from_db()
    ask(assistant=assistant, tenant_id=tenant_id, at=TEN + 2 * MINUTE, first_token_ms=60)
    usage_roll_up(tenant_id=tenant_id, now=NOON)
    return organisation


def test_its_usage_is_counted_with_the_department_above(asked: Organisation) -> None:
    before = figures(asked)
    assert set(before) == {("lending", TEN), ("finance", TEN), ("lending", TEN + HOUR)}
    admin = signed_in(asked.member(asked.root, Role.ADMIN, Secrecy.SECRET))
    answer = admin.delete(LENDING)
    assert answer.status_code == 204, answer.json()
    both = before["lending", TEN] + before["finance", TEN]
    expected = {("finance", TEN): both, ("finance", TEN + HOUR): before["lending", TEN + HOUR]}
    assert (both.questions, both.answered, both.thumbs_up) == (2, 2, 1)
    assert figures(asked) == expected
    with tenant_scope(asked.tenant.pk):
        assert HourlyUsage.objects.count() == 2
        Feedback.objects.update(rating="down")
        # Counted again it stays where it is.
        HourlyUsage.objects.all().delete()
    usage_roll_up(tenant_id=asked.tenant.pk, now=NOON)
    again = figures(asked)
    assert {key: (one.questions, one.refused) for key, one in again.items()} == {
        ("finance", TEN): (2, 0),
        ("finance", TEN + HOUR): (1, 1),
    }


def test_its_conversations_and_what_was_said_of_them_go_there_too(asked: Organisation) -> None:
    manager = signed_in(asked.member(asked.finance, Role.MANAGER))
    [given] = manager.get("/api/v1/feedback").json()["results"]
    decided = manager.patch(f"/api/v1/feedback/{given['id']}", {"status": "resolved"}, format="json")
    assert decided.status_code == 200
    boss = console(asked.member(asked.root, Role.ADMIN, Secrecy.SECRET))
    assert boss.post("/departments/lending/delete").headers["Location"] == "/departments/"
    with tenant_scope(asked.tenant.pk):
        assert set(Conversation.objects.values_list("department__slug", flat=True)) == {"finance"}
        assert set(Feedback.objects.values_list("department__slug", flat=True)) == {"finance"}
    assert len(manager.get("/api/v1/reviews/conversations").json()["results"]) == 3
    [kept] = manager.get("/api/v1/feedback").json()["results"]
    assert (kept["id"], kept["department"], kept["status"]) == (given["id"], "finance", "resolved")


def test_what_is_in_the_way_leaves_the_usage_where_it_is(asked: Organisation) -> None:
    asked.member(asked.lending)
    before = figures(asked)
    admin = signed_in(asked.member(asked.root, Role.ADMIN, Secrecy.SECRET))
    refused = admin.delete(LENDING)
    assert (refused.status_code, refused.json()["contents"]) == (409, {"members": 1})
    assert figures(asked) == before


def test_who_does_not_administer_it_moves_nothing(asked: Organisation, other: Organisation) -> None:
    before = figures(asked)
    for client, status in (
        (signed_in(asked.member(asked.lending, Role.MANAGER)), 403),
        (signed_in(asked.member(asked.energy, Role.ADMIN)), 404),
        (signed_in(other.member(other.root, Role.ADMIN)), 404),
        (asked.key(asked.finance, KeyScope.DOCUMENTS_READ).client, 403),
    ):
        assert client.delete(f"/api/v1/departments/{asked.lending.pk}").status_code == status
    assert figures(asked) == before
    with tenant_scope(asked.tenant.pk):
        assert Conversation.objects.filter(department=asked.lending).count() == 2


def test_the_root_keeps_its_usage(asked: Organisation) -> None:
    ask(assistant=None, tenant_id=asked.tenant.pk, at=TEN + 3 * MINUTE)
    with tenant_scope(asked.tenant.pk):
        talk = Feedback.objects.get().message
        rate(talk, "user:2", "up", TEN + 3 * MINUTE)
    usage_roll_up(tenant_id=asked.tenant.pk, now=NOON)
    before = figures(asked)
    admin = signed_in(asked.member(asked.root, Role.ADMIN, Secrecy.SECRET))
    assert admin.delete("/api/v1/departments/root").json()["code"] == "department_root"
    assert figures(asked) == before
