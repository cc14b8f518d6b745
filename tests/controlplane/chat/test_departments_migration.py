"""The conversations there were before departments were noted get theirs, and what they are searched by."""

from importlib import import_module
from typing import Any

import pytest

from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from tests.controlplane.chat.conversations import hold
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.organisations import Organisation

migration: Any = import_module("controlplane.chat.migrations.0006_departments")


def test_conversations_are_filled_in_batches_and_once(
    organisation: Organisation, other: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "BATCH", 2)
    for house in (organisation, other):
        assistant = make_assistant(department=house.lending, slug="lending", bases=[])
        asker = house.member(house.lending)
        for number in range(5):
            hold(asker=asker, assistant=assistant, question=f"Ｗｈａｔ  of\n{number}%?")
        with tenant_scope(house.tenant.pk):
            Conversation.objects.update(department=None, searched="")
    migration.fill(None, None)
    for house in (organisation, other):
        with tenant_scope(house.tenant.pk):
            kept = Conversation.objects.order_by("id")
            assert {c.department_id for c in kept} == {house.lending.pk}
            assert [c.searched for c in kept] == [f"what of {n}%?\nwhat of {n}%?" for n in range(5)]
            kept.filter(pk=kept[0].pk).update(department=house.energy, searched="else")
    migration.fill(None, None)
    with tenant_scope(organisation.tenant.pk):
        first = Conversation.objects.order_by("id")[0]
        assert (first.department_id, first.searched) == (organisation.energy.pk, "else")
