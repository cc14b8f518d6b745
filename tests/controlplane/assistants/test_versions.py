"""Versions: every change leaves one, none is ever changed, and going back makes a new one."""

from typing import Any

import psycopg
import pytest
from rest_framework.test import APIClient

from controlplane.assistants.models import Assistant, AssistantVersion
from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.models import KeyScope
from tests.controlplane.assistants.test_assistants_api import URL, body, knowledge_base
from tests.controlplane.organisations import Organisation, make_organisation

ONE = f"{URL}/rules"


@pytest.fixture
def manager(organisation: Organisation) -> APIClient:
    client = organisation.key(organisation.finance).client
    made = client.post(URL, body(instructions="一\n二", opening_questions=["?"]), format="json")
    assert (made.status_code, made.json()["version"]) == (201, 1)
    return client


def change(client: APIClient, **changes: Any) -> Any:
    sent = {"name": "制度助手", "instructions": "一\n二", "opening_questions": ["?"]} | changes
    return client.put(ONE, sent, format="json")


def numbers(client: APIClient) -> list[int]:
    return [version["number"] for version in client.get(f"{ONE}/versions").json()["results"]]


def actions(organisation: Organisation) -> list[str]:
    with tenant_scope(organisation.tenant.pk):
        events = event_list(tenant_id=organisation.tenant.pk).order_by("sequence")
        return [event.action for event in events if event.action.startswith("assistant.")]


def test_every_change_leaves_a_version_with_who_when_and_why(
    organisation: Organisation, manager: APIClient
) -> None:
    changed = change(manager, instructions="一\n三", version=1, note="Neue Frist")
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    newest, first = manager.get(f"{ONE}/versions").json()["results"]
    assert (newest["number"], newest["note"], newest["author"]) == (2, "Neue Frist", "test")
    assert newest["content"]["instructions"] == "一\n三"
    assert first["content"]["instructions"] == "一\n二"
    assert manager.get(f"{ONE}/versions/1").json() == first
    assert manager.get(f"{ONE}/versions/9").status_code == 404
    assert actions(organisation) == ["assistant.created", "assistant.changed"]


def test_what_changes_nothing_leaves_no_version(organisation: Organisation, manager: APIClient) -> None:
    """A form that was sent twice, also on top of its own result."""
    first = change(manager, greeting="你好", version=1)
    again = change(manager, greeting="你好", version=1)
    assert (first.json()["version"], again.status_code, again.json()["version"]) == (2, 200, 2)
    assert numbers(manager) == [2, 1]
    assert actions(organisation) == ["assistant.created", "assistant.changed"]


def test_a_change_of_an_older_version_is_refused_and_says_what_changed(manager: APIClient) -> None:
    assert change(manager, greeting="你好", top_k=9, version=1).status_code == 200
    late = change(manager, instructions="mine", version=1)
    assert (late.status_code, late.json()["code"]) == (409, "version_conflict")
    assert late.json()["current"] == 2
    assert late.json()["changed_fields"] == ["top_k", "greeting"]
    assert late.json()["changed_by"] == "test"
    assert numbers(manager) == [2, 1]
    kept = manager.get(ONE).json()
    assert (kept["instructions"], kept["greeting"]) == ("一\n二", "你好")
    assert change(manager, instructions="mine", version=2).json()["version"] == 3


def test_going_back_makes_a_new_version(organisation: Organisation, manager: APIClient) -> None:
    base = knowledge_base(organisation)
    change(manager, name="zwei", knowledge_bases=[str(base.pk)])
    change(manager, name="drei")
    back = manager.post(f"{ONE}/versions/2/restore", {"version": 3}, format="json")
    assert (back.status_code, back.json()["version"]) == (200, 4)
    assert (back.json()["name"], back.json()["knowledge_bases"]) == ("zwei", [str(base.pk)])
    newest = manager.get(f"{ONE}/versions/4").json()
    assert (newest["restored_from"], newest["content"]["name"]) == (2, "zwei")
    late = manager.post(f"{ONE}/versions/1/restore", {"version": 3}, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "version_conflict")
    assert manager.post(f"{ONE}/versions/7/restore", {}, format="json").status_code == 404
    assert actions(organisation)[-1] == "assistant.restored"
    with tenant_scope(organisation.tenant.pk):
        KnowledgeBase.objects.filter(pk=base.pk).delete()
    assert manager.post(f"{ONE}/versions/2/restore", {}, format="json").json()["knowledge_bases"] == []


def test_a_base_that_the_reader_cannot_see_is_counted_and_stays(
    organisation: Organisation, manager: APIClient
) -> None:
    secret, plain = knowledge_base(organisation), knowledge_base(organisation, name="plain")
    with tenant_scope(organisation.tenant.pk):
        KnowledgeBase.objects.filter(pk=secret.pk).update(secrecy=Secrecy.SECRET)
    cleared = organisation.key(organisation.finance, clearance=Secrecy.SECRET).client
    assert change(cleared, knowledge_bases=[str(secret.pk), str(plain.pk)]).status_code == 200
    seen = manager.get(f"{ONE}/versions/2").json()["content"]
    assert (seen["knowledge_bases"], seen["hidden_knowledge_bases"]) == ([str(plain.pk)], 1)
    assert change(manager, knowledge_bases=[]).status_code == 200
    assert manager.post(f"{ONE}/versions/1/restore", {}, format="json").status_code == 200
    assert cleared.get(ONE).json()["knowledge_bases"] == [str(secret.pk)]


def test_only_who_looks_after_the_department_sees_versions(
    organisation: Organisation, other: Organisation, manager: APIClient
) -> None:
    reader = organisation.key(organisation.finance, KeyScope.CHAT).client
    above = organisation.key(organisation.root, KeyScope.DOCUMENTS_WRITE).client
    assert above.get(f"{ONE}/versions").status_code == 200
    strangers = (organisation.key(organisation.energy).client, other.key(other.root).client)
    for client, status in ((reader, 403), (strangers[0], 404), (strangers[1], 404)):
        assert client.get(f"{ONE}/versions").status_code == status
        assert client.get(f"{ONE}/versions/1").status_code == status
        assert client.post(f"{ONE}/versions/1/restore", {}, format="json").status_code == status
    assert numbers(manager) == [1]


def test_a_version_cannot_be_changed_or_deleted(committed: None, app_dsn: str) -> None:
    organisation = make_organisation()
    client = organisation.key(organisation.finance).client
    assert client.post(URL, body(), format="json").status_code == 201
    department = organisation.finance.pk
    with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
        for name, value in {
            "app.tenant_id": organisation.tenant.pk,
            "app.departments_0": f"{{{department}}}",
        }.items():
            cursor.execute("SELECT set_config(%s, %s, false)", [name, str(value)])
        assert cursor.execute("SELECT number FROM assistants_assistantversion").fetchall() == [(1,)]
        connection.commit()
        for statement in (
            "UPDATE assistants_assistantversion SET number = 2",
            "DELETE FROM assistants_assistantversion",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()
    assert client.delete(ONE).status_code == 204
    with tenant_scope(organisation.tenant.pk):
        assert not AssistantVersion.objects.exists()
        assert not Assistant.objects.exists()
