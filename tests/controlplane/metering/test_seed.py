"""The seeding command: a small tenant that holds together like a real one."""

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from controlplane.audit.selectors import verify
from controlplane.chat.models import Citation, Conversation, Feedback, Message
from controlplane.chat.selectors import searchable
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.tenant_ids import tenant_ids
from controlplane.documents.models import Document, IndexJob, Passage, Version
from controlplane.metering.models import HourlyUsage, UsageProgress
from controlplane.metering.seeding import organisation
from controlplane.metering.seeding.chance import Chance, Seed

UNTIL = "2026-03-04T12:00:00+08:00"


@pytest.fixture(autouse=True)
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organisation, "PEOPLE", 5)
    monkeypatch.setattr(organisation, "KEYS", 2)


def seed(slug: str, *more: str) -> str:
    out = StringIO()
    amounts = ("--documents=40", "--messages=200", "--audit-events=60", "--passages=2")
    call_command("seed", f"--tenant={slug}", f"--until={UNTIL}", *amounts, *more, stdout=out)
    return out.getvalue()


def questions(slug: str) -> list[str]:
    with platform_scope():
        tenant_id = tenant_ids(slug=slug)[slug]
    with tenant_scope(tenant_id):
        asked = Message.objects.filter(tenant_id=tenant_id, role="question").order_by("id")
        return list(asked.values_list("content", flat=True))


def test_a_seeded_tenant_holds_together(committed: None) -> None:
    slug = f"seed-{uuid4().hex[:8]}"
    out = seed(slug)
    assert f"administrator: admin@{slug}.example" in out
    assert f"seeded {slug} in " in out
    with platform_scope():
        tenant_id = tenant_ids(slug=slug)[slug]
    own = {"tenant_id": tenant_id}
    with tenant_scope(tenant_id):
        assert Document.objects.filter(**own).count() == 40
        assert IndexJob.objects.filter(**own).count() == 40
        assert Version.objects.filter(**own).count() >= 40
        assert Passage.objects.filter(**own).exists()
        assert 190 <= Message.objects.filter(**own).count() <= 200
        assert Citation.objects.filter(**own).exists()
        assert Feedback.objects.filter(**own).exists()
        # Its organisation has an event for each of its making besides.
        verified = verify(tenant_id=tenant_id)
        assert verified.intact
        assert verified.links > 60
        conversation = Conversation.objects.filter(**own).exclude(department=None).first()
        assert conversation
        assert conversation.searched.split("\n")[:2] == [searchable(text=conversation.title)] * 2
        asked = Message.objects.filter(**own, role="question").count()
        assert sum(HourlyUsage.objects.filter(**own).values_list("questions", flat=True)) == asked


def test_the_same_seed_makes_the_same_rows(committed: None) -> None:
    one, other, third = (f"seed-{uuid4().hex[:8]}" for _ in range(3))
    for slug, seeded in ((one, "7"), (other, "7"), (third, "8")):
        seed(slug, f"--seed={seeded}")
    assert questions(one) == questions(other)
    assert questions(one) != questions(third)


def test_a_tenant_that_is_there_is_only_added_to_when_asked(committed: None) -> None:
    slug = f"seed-{uuid4().hex[:8]}"
    with pytest.raises(CommandError, match="There is no tenant"):
        seed(slug, "--append")
    seed(slug)
    before = questions(slug)
    with pytest.raises(CommandError, match="--append"):
        seed(slug)
    assert questions(slug) == before
    seed(slug, "--append")
    assert len(questions(slug)) > 1.8 * len(before)
    with platform_scope():
        tenant_id = tenant_ids(slug=slug)[slug]
    with tenant_scope(tenant_id):  # those of hours that had been counted before, too
        until = UsageProgress.objects.get(tenant_id=tenant_id).rolled_until
        asked = Message.objects.filter(tenant_id=tenant_id, role="question", created_at__lt=until).count()
        counted = HourlyUsage.objects.filter(tenant_id=tenant_id).aggregate(all=Sum("questions"))["all"]
    assert counted == asked > len(before)


def test_conversations_are_added_to_the_documents_that_are_there(committed: None) -> None:
    slug = f"seed-{uuid4().hex[:8]}"
    seed(slug, "--messages=0")
    with platform_scope():
        tenant_id = tenant_ids(slug=slug)[slug]
    seed(slug, "--append", "--documents=0", "--audit-events=0", "--language=en")
    with tenant_scope(tenant_id):
        titles = dict(Document.objects.filter(tenant_id=tenant_id).values_list("id", "title"))
        cited = set(Citation.objects.filter(tenant_id=tenant_id).values_list("document_id", "title"))
    assert len(titles) == 40
    assert cited
    assert {titles[id_] for id_, _title in cited} == {title for _id, title in cited}
    assert all(question.isascii() for question in questions(slug))


def test_identifiers_are_those_of_their_time() -> None:
    chance = Chance(Seed("1", "one"), "test")
    id_ = chance.id_at(1_772_000_000_123)
    assert int(id_, 16) >> 80 == 1_772_000_000_123
    assert (id_[12], id_[16] in "89ab", len(id_)) == ("7", True, 32)
