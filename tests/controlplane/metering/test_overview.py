"""Today against the same hours of a week ago, and everything linked to its list."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.assistants.models import Assistant
from controlplane.core.scope import scoped, tenant_scope
from controlplane.documents.models import Document, IndexJob, KnowledgeBase, Version
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.metering.overview import Figure, Overview, overview
from controlplane.metering.services import usage_roll_up
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.metering.talk import ask
from tests.controlplane.organisations import Organisation

# 15:20 in Shanghai, a Wednesday.
NOW = datetime(2026, 3, 4, 7, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def assistant(organisation: Organisation) -> Assistant:
    return make_assistant(department=organisation.finance, slug="finance", bases=[])


def asked(organisation: Organisation, assistant: Assistant, *moments: datetime) -> None:
    for at in moments:
        ask(assistant=assistant, tenant_id=organisation.tenant.pk, at=at)


def seen(principal: Principal) -> Overview:
    with scoped(principal.scope()):
        return overview(principal=principal, now=NOW)


def administrator(organisation: Organisation) -> Principal:
    return organisation.key(organisation.root, *KeyScope.values).principal


def figure(found: Overview, key: str) -> Figure:
    [one] = [one for one in found.figures if one.key == key]
    return one


def test_spans_end_at_the_same_time_of_day(organisation: Organisation, assistant: Assistant) -> None:
    week_ago = NOW - 7 * DAY
    asked(
        organisation,
        assistant,
        NOW - timedelta(minutes=5),  # today, this hour
        NOW - 3 * HOUR,  # today
        NOW - 16 * HOUR,  # yesterday, the seven days
        week_ago - timedelta(minutes=5),  # that day, before this time
        week_ago + timedelta(minutes=5),  # that day, after it: in neither
        week_ago - 2 * DAY,  # the seven days before
        NOW - 20 * DAY,  # the chart only
    )
    usage_roll_up(tenant_id=organisation.tenant.pk, now=NOW)
    found = seen(administrator(organisation))
    questions = figure(found, "questions")
    assert (questions.today, questions.same_day_last_week) == (2, 1)
    assert (questions.week, questions.week_before) == (3, 2)
    assert (questions.today_change, questions.week_change) == (1.0, 0.5)
    assert sum(point.figures.questions for point in found.days) == 7
    assert len(found.days) == 30
    assert [(point.hour.hour, point.figures.questions) for point in found.hours] == [(4, 1), (7, 1)]


def test_hours_that_are_not_rolled_up_are_counted_too(
    organisation: Organisation, assistant: Assistant
) -> None:
    asked(organisation, assistant, NOW - HOUR, NOW - DAY)
    found = seen(administrator(organisation))
    assert found.rolled_until is None
    assert figure(found, "questions").week == 2


def test_figures_say_which_list_they_count(organisation: Organisation, assistant: Assistant) -> None:
    ask(
        assistant=assistant,
        tenant_id=organisation.tenant.pk,
        at=NOW - HOUR,
        status="refused",
        reason="weak_evidence",
    )
    found = seen(administrator(organisation))
    midnight = timezone.localtime(NOW).replace(hour=0, minute=0).isoformat()
    link = figure(found, "refused").today_link
    assert (link.list, link.params) == (
        "conversations",
        {"status": "refused", "from": midnight, "to": NOW.isoformat()},
    )
    assert figure(found, "thumbs_down").week_link.list == "feedback"
    [reason] = found.refusals
    assert (reason.key, reason.count, reason.link.params["reason"]) == ("weak_evidence", 1, "weak_evidence")
    [top] = found.assistants
    assert (top.slug, top.figures.questions, top.link.params["assistant"]) == (
        "finance",
        1,
        str(assistant.pk),
    )


def test_times_are_read_from_the_histograms(organisation: Organisation, assistant: Assistant) -> None:
    own = {"assistant": assistant, "tenant_id": organisation.tenant.pk, "at": NOW - HOUR}
    for _ in range(3):
        ask(**own, first_token_ms=700)
    ask(**own, first_token_ms=9000)
    found = seen(administrator(organisation))
    assert figure(found, "first_token_p50").today == 667  # between 500 and 750
    assert figure(found, "first_token_p95").today == 9500  # between 7500 and 10000
    assert figure(found, "first_token_p95").same_day_last_week is None
    assert figure(found, "first_token_p95").today_change is None


def test_a_manager_sees_their_departments_alone(organisation: Organisation, assistant: Assistant) -> None:
    other = make_assistant(department=organisation.energy, slug="energy", bases=[])
    asked(organisation, assistant, NOW - DAY, NOW - timedelta(minutes=1))
    asked(organisation, other, NOW - DAY)
    usage_roll_up(tenant_id=organisation.tenant.pk, now=NOW)
    for department, expected in (
        (organisation.finance, 2),
        (organisation.energy, 1),
        (organisation.lending, 0),
    ):
        principal = organisation.key(department, *KeyScope.values).principal
        assert figure(seen(principal), "questions").week == expected
    member = organisation.key(organisation.root, KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE).principal
    assert figure(seen(member), "questions").week == 0


def test_the_backlog_and_the_documents_by_state(organisation: Organisation) -> None:
    base = make_base(
        department=organisation.finance,
        name="rules",
        texts=[Text("a", "一"), Text("b", "二"), Text("c", "三")],
    )
    with tenant_scope(organisation.tenant.pk):
        first, second, _third = Document.objects.filter(knowledge_base=base).order_by("id")
        Version.objects.filter(document=first).update(status="failed")
        Version.objects.filter(document=second).update(status="queued")
        space = KnowledgeBase.objects.get(pk=base).space
        for document, status, finished in (
            (first, "failed", NOW - 6 * DAY),
            (first, "failed", NOW - 8 * DAY),
            (second, "queued", None),
        ):
            version = Version.objects.get(document=document)
            IndexJob.objects.create(
                tenant=organisation.tenant, version=version, space=space, status=status, finished_at=finished
            )
        oldest = IndexJob.objects.get(status="queued", tenant=organisation.tenant).created_at
    found = seen(administrator(organisation))
    assert (found.backlog.jobs.open, found.backlog.jobs.oldest, found.backlog.jobs.failed) == (1, oldest, 1)
    counts = {counter.key: counter.count for counter in found.documents}
    assert counts == {"queued": 1, "parsing": 0, "embedding": 0, "ready": 1, "failed": 1, "cancelled": 0}
    assert [c.link.params for c in found.documents if c.key == "failed"] == [{"status": "failed"}]


def test_it_takes_as_many_queries_however_much_there_is(
    organisation: Organisation, assistant: Assistant
) -> None:
    principal = administrator(organisation)

    def queries() -> int:
        with (
            scoped(principal.scope()),
            CaptureQueriesContext(
                connection,
            ) as captured,
        ):
            overview(principal=principal, now=NOW)
        return len([one for one in captured if "SAVEPOINT" not in one["sql"]])

    usage_roll_up(tenant_id=organisation.tenant.pk, now=NOW - 3 * HOUR)
    asked(organisation, assistant, *(NOW - n * HOUR for n in range(8)))
    usage_roll_up(tenant_id=organisation.tenant.pk, now=NOW)
    before = queries()
    other = make_assistant(department=organisation.energy, slug="energy", bases=[])
    asked(organisation, other, *(NOW - n * DAY for n in range(25)))
    usage_roll_up(tenant_id=organisation.tenant.pk, now=NOW)
    assert queries() == before <= 30
