"""Hours are counted once, and again when something in them changes."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.assistants.models import Assistant
from controlplane.audit.services import record
from controlplane.chat.models import Conversation, Feedback, Message
from controlplane.core.scope import scoped, tenant_scope
from controlplane.identity.models import KeyScope
from controlplane.metering.figures import Counted, Figures
from controlplane.metering.histogram import EMPTY, counted
from controlplane.metering.models import HourlyUsage, UsageProgress
from controlplane.metering.selectors import stored_usage
from controlplane.metering.services import usage_roll_up
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.metering.talk import ask, rate, reply
from tests.controlplane.organisations import Organisation

TEN = datetime(2026, 3, 4, 10, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = TEN + 2 * HOUR + 7 * MINUTE


@pytest.fixture
def assistant(organisation: Organisation) -> Assistant:
    return make_assistant(department=organisation.finance, slug="finance", bases=[])


def rolled(organisation: Organisation, now: datetime = NOON) -> dict[tuple[datetime, str], Figures]:
    usage_roll_up(tenant_id=organisation.tenant.pk, now=now)
    return {(one.hour, one.model): one.figures for one in rows(organisation)}


def rows(organisation: Organisation) -> list[Counted]:
    with tenant_scope(organisation.tenant.pk):
        return stored_usage(tenant_id=organisation.tenant.pk, start=TEN - 30 * HOUR, end=NOON + 30 * HOUR)


def test_an_hour_is_counted_by_outcome_with_tokens_and_times(
    organisation: Organisation, assistant: Assistant
) -> None:
    own = {"assistant": assistant, "tenant_id": organisation.tenant.pk}
    ask(**own, at=TEN + MINUTE, cited=True, rating="up")
    ask(**own, at=TEN + 2 * MINUTE, rating="down", first_token_ms=60, total_ms=6000)
    ask(**own, at=TEN + 3 * MINUTE, status="refused", reason="weak_evidence")
    ask(**own, at=TEN + 4 * MINUTE, status="stopped")
    ask(**own, at=TEN + 5 * MINUTE, status="failed", reason="engine_unavailable")
    found = rolled(organisation)
    assert found[TEN, "r1"] == Figures(
        questions=4,
        answered=2,
        cited=1,
        refused=1,
        stopped=1,
        thumbs_up=1,
        thumbs_down=1,
        prompt_tokens=400,
        completion_tokens=40,
        refused_by_reason={"weak_evidence": 1},
        first_token=counted([7, 1, 7, 7]),
        total=counted([13, 14, 13, 13]),
    )
    # No model has answered it.
    assert found[TEN, ""] == Figures(questions=1, failed=1)
    assert len(found) == 2


def test_what_is_asked_of_no_assistant_is_the_keys_or_the_roots(organisation: Organisation) -> None:
    key = organisation.key(organisation.energy, KeyScope.CHAT)
    own = {"assistant": None, "tenant_id": organisation.tenant.pk, "at": TEN}
    ask(**own, actor=key.principal.actor)
    ask(**own, actor="user:1")
    rolled(organisation)
    found = {(one.department_id, one.assistant_id): one.figures.questions for one in rows(organisation)}
    assert found == {(organisation.energy.pk, None): 1, (organisation.root.pk, None): 1}


def test_only_closed_hours_are_stored(organisation: Organisation, assistant: Assistant) -> None:
    own = {"assistant": assistant, "tenant_id": organisation.tenant.pk}
    for at in (TEN + 59 * MINUTE + timedelta(seconds=59), TEN + HOUR, TEN + 2 * HOUR):
        ask(**own, at=at)
    assert sorted(hour for hour, _ in rolled(organisation)) == [TEN, TEN + HOUR]
    with tenant_scope(organisation.tenant.pk):
        assert UsageProgress.objects.get(tenant=organisation.tenant).rolled_until == TEN + 2 * HOUR


def test_counting_again_changes_nothing(organisation: Organisation, assistant: Assistant) -> None:
    ask(assistant=assistant, tenant_id=organisation.tenant.pk, at=TEN, cited=True)
    first = rolled(organisation)
    assert rolled(organisation) == first
    assert rolled(organisation, NOON + 5 * HOUR) == first
    with tenant_scope(organisation.tenant.pk):
        assert HourlyUsage.objects.filter(tenant=organisation.tenant).count() == 1


def test_a_verdict_given_and_taken_back_later_is_counted(
    organisation: Organisation, assistant: Assistant
) -> None:
    tenant_id = organisation.tenant.pk
    talk = ask(assistant=assistant, tenant_id=tenant_id, at=TEN)
    assert talk.answer
    rolled(organisation)
    target = f"message:{talk.answer.pk}"
    # The trail tells the time by itself: what it was told counts as now.
    now = datetime.now(UTC) + MINUTE
    usage_roll_up(tenant_id=tenant_id, now=now)
    with tenant_scope(tenant_id):
        rate(talk.answer, "user:1", "down", now)
        record(tenant_id=tenant_id, actor="system", action="feedback.given", target=target)
    assert rolled(organisation, now + MINUTE)[TEN, "r1"].thumbs_down == 1
    with tenant_scope(tenant_id):
        Feedback.objects.filter(tenant_id=tenant_id).delete()
        record(tenant_id=tenant_id, actor="system", action="feedback.withdrawn", target=target)
    assert rolled(organisation, now + 2 * MINUTE)[TEN, "r1"].thumbs_down == 0


def test_a_question_asked_again_changes_its_own_hour(
    organisation: Organisation, assistant: Assistant
) -> None:
    tenant_id = organisation.tenant.pk
    talk = ask(assistant=assistant, tenant_id=tenant_id, at=TEN, status="refused", reason="weak_evidence")
    assert rolled(organisation, NOON + 5 * HOUR)[TEN, "r1"].refused == 1
    later = NOON + 5 * HOUR + MINUTE
    with tenant_scope(tenant_id):
        Message.objects.filter(pk=talk.question.pk).update(status="answered", reason="")
        Message.objects.filter(conversation=talk.conversation, role="answer").update(superseded_at=later)
        reply(talk.conversation, later, model="v3")
    found = rolled(organisation, later + HOUR)
    # The tokens of both answers were spent, each in its hour and on its model; the question is answered by the second.
    spent = Figures(prompt_tokens=100, completion_tokens=10, first_token=counted([7]), total=counted([13]))
    assert found == {
        (TEN, "r1"): spent,
        (TEN, "v3"): Figures(questions=1, answered=1),
        (later.replace(minute=0), "v3"): spent,
    }


def test_a_deleted_conversation_stays_counted(organisation: Organisation, assistant: Assistant) -> None:
    tenant_id = organisation.tenant.pk
    own = {"assistant": assistant, "tenant_id": tenant_id}
    ask(**own, at=TEN, cited=True)
    talk = ask(**own, at=TEN + MINUTE)
    before = rolled(organisation)
    with tenant_scope(tenant_id):
        Conversation.objects.filter(pk=talk.conversation.pk).delete()
        HourlyUsage.objects.filter(tenant_id=tenant_id).update(thumbs_up=5)
    after = rolled(organisation)
    assert after[TEN, "r1"] == before[TEN, "r1"]
    assert after[TEN, "r1"].thumbs_up == 0


def test_who_reviews_a_department_sees_its_usage_and_writes_none(
    organisation: Organisation, assistant: Assistant
) -> None:
    ask(assistant=assistant, tenant_id=organisation.tenant.pk, at=TEN)
    rolled(organisation)
    for department, seen in (
        (organisation.root, 1),
        (organisation.finance, 1),
        (organisation.lending, 0),
        (organisation.energy, 0),
    ):
        key = organisation.key(department, *KeyScope.values)
        with scoped(key.principal.scope()):
            usage = HourlyUsage.objects.all()
            assert usage.count() == seen
            assert usage.update(questions=9) == 0
            assert usage.delete()[0] == 0
    with scoped(organisation.key(organisation.root, KeyScope.DOCUMENTS_WRITE).principal.scope()):
        assert HourlyUsage.objects.count() == 0
    assert [one.figures.questions for one in rows(organisation)] == [1]


def test_a_tenant_where_nothing_was_asked(organisation: Organisation) -> None:
    assert rolled(organisation) == {}
    assert counted([]) == EMPTY
