"""Who may ask an assistant: the readers of its department, and those that it was opened to besides."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from controlplane.assistants.models import Assistant, AssistantAccess
from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope, User
from controlplane.tenants.models import Role
from tests.controlplane.assistants.test_assistants_api import URL, body, knowledge_base
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Organisation, client_of, make_organisation
from tests.controlplane.tenants.test_brands import API as DEPARTMENTS
from tests.controlplane.tenants.test_brands import admin_of, picture, put_logo

ONE = f"{URL}/rules"


@pytest.fixture
def manager(organisation: Organisation) -> APIClient:
    base = knowledge_base(organisation)
    client = organisation.key(organisation.finance).client
    made = client.post(URL, body(knowledge_bases=[str(base.pk)]), format="json")
    assert made.status_code == 201
    return client


def opened(client: APIClient, **to: Any) -> Any:
    return client.put(f"{ONE}/access", to, format="json")


def listed(client: APIClient) -> list[str]:
    return [assistant["slug"] for assistant in client.get(URL).json()["results"]]


def test_a_department_is_opened_with_everything_beneath_it(organisation: Organisation) -> None:
    client = organisation.key(organisation.lending).client
    assert client.post(URL, body(department="lending"), format="json").status_code == 201
    energy = organisation.key(organisation.energy, KeyScope.CHAT).client
    assert (listed(energy), energy.get(ONE).status_code) == ([], 404)
    granted = opened(client, departments=[str(organisation.root.pk)])
    assert granted.status_code == 200, granted.json()
    assert [d["id"] for d in granted.json()["departments"]] == [str(organisation.root.pk)]
    assert (listed(energy), energy.get(ONE).status_code) == (["rules"], 200)
    assert opened(client, departments=[]).json()["departments"] == []
    assert (listed(energy), energy.get(ONE).status_code) == ([], 404)


def test_a_grant_to_a_department_does_not_reach_the_one_beside_it(
    organisation: Organisation, manager: APIClient
) -> None:
    assert opened(manager, departments=["lending"]).status_code == 200
    assert listed(organisation.key(organisation.lending, KeyScope.CHAT).client) == ["rules"]
    assert listed(organisation.key(organisation.energy, KeyScope.CHAT).client) == []


def test_one_person_may_ask_it_and_gets_no_document_by_it(
    organisation: Organisation, manager: APIClient
) -> None:
    person, colleague = organisation.member(organisation.energy), organisation.member(organisation.energy)
    assert opened(manager, people=[person.email.upper()]).status_code == 200
    mine, theirs = signed_in(person), signed_in(colleague)
    assert (listed(mine), listed(theirs)) == (["rules"], [])
    assert mine.get(ONE).json()["knowledge_bases"] == []
    begun = mine.post("/api/v1/conversations", {"assistant": "rules"}, format="json")
    assert begun.status_code == 201
    assert theirs.post("/api/v1/conversations", {"assistant": "rules"}, format="json").status_code == 404


def test_who_may_only_ask_changes_nothing(organisation: Organisation, manager: APIClient) -> None:
    assert opened(manager, departments=["energy"]).status_code == 200
    guest = organisation.key(organisation.energy).client
    calls = [
        guest.put(ONE, {"name": "x"}, format="json"),
        guest.patch(ONE, {"enabled": False}, format="json"),
        guest.delete(ONE),
        guest.get(f"{ONE}/access"),
        opened(guest, departments=[]),
        guest.get(f"{ONE}/versions"),
        guest.post(f"{ONE}/versions/1/restore", {}, format="json"),
    ]
    assert [call.status_code for call in calls] == [403] * 7
    assert [d["slug"] for d in manager.get(f"{ONE}/access").json()["departments"]] == ["energy"]
    assert manager.get(ONE).json()["enabled"] is True


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ({"departments": ["nowhere"]}, "unknown_department"),
        ({"people": ["nobody@example.org"]}, "unknown_person"),
        ({"people": ["x"] * 201}, "invalid_field"),
    ],
)
def test_unknown_grantees_change_nothing(
    organisation: Organisation, manager: APIClient, to: dict[str, Any], code: str
) -> None:
    opened(manager, departments=["energy"])
    refused = opened(manager, **to)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [d["slug"] for d in manager.get(f"{ONE}/access").json()["departments"]] == ["energy"]


def test_people_and_departments_of_another_organisation_are_unknown(
    organisation: Organisation, other: Organisation, manager: APIClient
) -> None:
    stranger = other.member(other.finance)
    assert opened(manager, people=[stranger.email]).json()["code"] == "unknown_person"
    assert opened(manager, departments=[str(other.energy.pk)]).json()["code"] == "unknown_department"
    assert opened(other.key(other.root).client, departments=[]).status_code == 404
    with tenant_scope(organisation.tenant.pk):
        assert not AssistantAccess.objects.exists()


def test_changes_are_audited_and_repetitions_are_not(organisation: Organisation, manager: APIClient) -> None:
    opened(manager, departments=["energy"])
    opened(manager, departments=["energy"])
    with tenant_scope(organisation.tenant.pk):
        events = list(
            event_list(tenant_id=organisation.tenant.pk, action="assistant.access_changed").values_list(
                "data", flat=True
            )
        )
    assert [(event["added"], event["removed"]) for event in events] == [
        ([f"department:{organisation.energy.pk}"], [])
    ]


def test_switched_off_it_answers_nobody_and_only_its_managers_list_it(
    organisation: Organisation, manager: APIClient
) -> None:
    reader = signed_in(organisation.member(organisation.finance))
    off = manager.patch(ONE, {"enabled": False}, format="json")
    assert (off.status_code, off.json()["enabled"]) == (200, False)
    assert (listed(reader), listed(manager)) == ([], ["rules"])
    assert (reader.get(ONE).status_code, manager.get(ONE).status_code) == (404, 200)
    for client in (reader, manager):
        refused = client.post("/api/v1/conversations", {"assistant": "rules"}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "assistant_disabled")
    assert manager.patch(ONE, {"enabled": True}, format="json").json()["enabled"] is True
    assert listed(reader) == ["rules"]
    assert reader.post("/api/v1/conversations", {"assistant": "rules"}, format="json").status_code == 201


def test_instructions_are_shown_to_who_looks_after_it_alone(
    organisation: Organisation, manager: APIClient
) -> None:
    changed = manager.put(ONE, {"name": "制度助手", "instructions": "只引用现行制度。"}, format="json")
    assert changed.json()["instructions"] == "只引用现行制度。"
    assert opened(manager, departments=["energy"]).status_code == 200
    askers = [
        signed_in(organisation.member(organisation.finance)),
        signed_in(organisation.member(organisation.energy, Role.ADMIN)),
        organisation.key(organisation.finance, KeyScope.CHAT).client,
        organisation.key(organisation.energy).client,
    ]
    for asker in askers:
        shown = [asker.get(ONE).json(), *asker.get(URL).json()["results"]]
        assert [assistant["instructions"] for assistant in shown] == [None, None]
    person = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    token = client_of(person.get("/api/v1/session/token").json()["token"])
    shown = [client.get(ONE).json()["instructions"] for client in (person, token)]
    assert shown == ["只引用现行制度。", None]
    assert person.get(URL).json()["results"][0]["instructions"] == "只引用现行制度。"
    restored = manager.post(f"{ONE}/versions/1/restore", {}, format="json")
    assert restored.json()["instructions"] == ""


def test_the_logo_of_an_assistant_is_shown_to_who_may_ask_it(
    organisation: Organisation, manager: APIClient
) -> None:
    """Of its department alone, and while it is switched on and opened."""
    assert put_logo(admin_of(organisation, organisation.root), "finance", picture()).status_code == 204
    guest = organisation.key(organisation.energy, KeyScope.CHAT).client
    logos = f"{DEPARTMENTS}/finance/logo", f"{DEPARTMENTS}/lending/logo", f"{DEPARTMENTS}/root/logo"
    assert [guest.get(logo).status_code for logo in logos] == [404, 404, 404]
    opened(manager, departments=["energy"])
    [shown] = guest.get(URL).json()["results"]
    assert guest.get(shown["brand"]["logo_url"].removeprefix(settings.BASE_URL)).status_code == 200
    assert [guest.get(logo).status_code for logo in logos] == [200, 404, 404]
    assert guest.get(f"{DEPARTMENTS}/finance").status_code in (403, 404)
    for change in ({"enabled": False}, {"enabled": True}):
        manager.patch(ONE, change, format="json")
        assert guest.get(logos[0]).status_code == (200 if change["enabled"] else 404)
    writer = organisation.key(organisation.energy, *KeyScope.values).client
    assert put_logo(writer, "finance", picture()).status_code == 404
    assert writer.delete(logos[0]).status_code == 404
    opened(manager, departments=[])
    assert guest.get(logos[0]).status_code == 404


def settings_of(user: User, *, tenant: UUID, departments: list[UUID], belongs: list[UUID]) -> dict[str, str]:
    return {
        "app.tenant_id": str(tenant),
        "app.user_id": str(user.pk),
        "app.departments_0": "{" + ",".join(map(str, departments)) + "}",
        "app.belongs": "{" + ",".join(map(str, belongs)) + "}",
    }


def test_the_database_itself_keeps_grants(committed: None, app_dsn: str) -> None:
    """In raw SQL, as the application's role: a grant shows the assistant and its bases, and nothing else of it; nobody
    grants themselves an assistant of another department."""
    organisation = make_organisation()
    client = organisation.key(organisation.finance).client
    base = knowledge_base(organisation)
    client.post(URL, body(knowledge_bases=[str(base.pk)]), format="json")
    person, colleague = organisation.member(organisation.energy), organisation.member(organisation.energy)
    assert opened(client, people=[person.email]).status_code == 200
    with tenant_scope(organisation.tenant.pk):
        assistant = Assistant.objects.get().pk
    sight = {
        "tenant": organisation.tenant.pk,
        "departments": [organisation.energy.pk],
        "belongs": [organisation.energy.pk, organisation.root.pk],
    }
    tables = ("assistant", "assistantknowledge", "assistantaccess", "assistantversion")
    with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:

        def look(user: User, **changes: Any) -> list[int]:
            for name, value in settings_of(user, **(sight | changes)).items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            counts = []
            for table in tables:
                row = cursor.execute(f"SELECT count(*) FROM assistants_{table}").fetchone()
                counts.append(row[0] if row else -1)
            return counts

        assert look(person) == [1, 1, 1, 0]
        for change in (
            "UPDATE assistants_assistant SET name = 'x'",
            "DELETE FROM assistants_assistant",
            "DELETE FROM assistants_assistantknowledge",
            "DELETE FROM assistants_assistantaccess",
            "UPDATE assistants_assistantaccess SET user_id = NULL",
        ):
            assert cursor.execute(change).rowcount == 0, change
        assert look(colleague) == [0, 0, 0, 0]
        assert look(person, tenant=uuid4()) == [0, 0, 0, 0]
        connection.commit()
        grant = (
            "INSERT INTO assistants_assistantaccess (id, tenant_id, created_at, assistant_id, owning_department_id, user_id) "
            "VALUES (gen_random_uuid(), %s, now(), %s, %s, %s)"
        )
        look(colleague)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor.execute(grant, [organisation.tenant.pk, assistant, organisation.finance.pk, colleague.pk])
        connection.rollback()
        look(colleague)
        cursor.execute(grant, [organisation.tenant.pk, assistant, organisation.energy.pk, colleague.pk])
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.commit()
        connection.rollback()
