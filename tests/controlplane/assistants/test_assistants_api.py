"""Assistants over REST: made for a department, shown to it, and to nobody else."""

from typing import Any

import pytest

from controlplane.assistants.models import Assistant
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.identity.models import KeyScope
from tests.controlplane.organisations import Organisation

URL = "/api/v1/assistants"


def knowledge_base(organisation: Organisation, name: str = "rules") -> KnowledgeBase:
    with tenant_scope(organisation.tenant.pk):
        space, _ = EmbeddingSpace.objects.get_or_create(
            tenant=organisation.tenant, model="test", version="1", defaults={"dimension": 512}
        )
        return KnowledgeBase.objects.create(
            tenant=organisation.tenant, name=name, department=organisation.finance, space=space
        )


def body(**changes: Any) -> dict[str, Any]:
    return {"slug": "rules", "name": "制度助手", "department": "finance"} | changes


def count(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return Assistant.objects.count()


def test_an_assistant_is_made_changed_and_deleted(organisation: Organisation) -> None:
    base = knowledge_base(organisation)
    client = organisation.key(organisation.finance).client
    made = client.post(URL, body(knowledge_bases=[str(base.pk)]), format="json")
    assert made.status_code == 201, made.json()
    assert (made.json()["model"], made.json()["knowledge_bases"]) == ("assistant:rules", [str(base.pk)])
    changed = client.put(f"{URL}/rules", {"name": "新名称", "opening_questions": ["?"]}, format="json")
    assert (changed.json()["name"], changed.json()["knowledge_bases"]) == ("新名称", [])
    assert client.delete(f"{URL}/rules").status_code == 204
    assert client.get(f"{URL}/rules").status_code == 404


def test_only_its_department_sees_it(organisation: Organisation, other: Organisation) -> None:
    organisation.key(organisation.finance).client.post(URL, body(), format="json")
    for key in (organisation.key(organisation.energy), other.key(other.root)):
        assert key.client.get(f"{URL}/rules").status_code == 404
        assert key.client.get(URL).json()["results"] == []
        assert key.client.delete(f"{URL}/rules").status_code == 404
        assert key.client.put(f"{URL}/rules", {"name": "x"}, format="json").status_code == 404
    root = organisation.key(organisation.root, KeyScope.CHAT).client
    assert [a["slug"] for a in root.get(URL).json()["results"]] == ["rules"]
    assert count(organisation) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"department": "energy"}, 403, "department_not_writable"),
        ({"knowledge_bases": ["0190b8a0-0000-7000-8000-000000000000"]}, 422, "unknown_knowledge_base"),
        ({"slug": "not a slug"}, 422, "invalid_field"),
        ({"top_k": 0}, 422, "invalid_field"),
    ],
)
def test_bad_input_makes_nothing(
    organisation: Organisation, changes: dict[str, Any], status: int, code: str
) -> None:
    response = organisation.key(organisation.finance).client.post(URL, body(**changes), format="json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert count(organisation) == 0


def test_a_slug_of_another_department_is_taken(organisation: Organisation) -> None:
    """Although the caller cannot see whose it is."""
    assert organisation.key(organisation.finance).client.post(URL, body(), format="json").status_code == 201
    energy = organisation.key(organisation.energy).client
    response = energy.post(URL, body(department="energy"), format="json")
    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")
    assert response.json()["field"] == "slug"
    assert count(organisation) == 1


def test_a_change_keeps_the_knowledge_that_its_author_cannot_see(organisation: Organisation) -> None:
    secret, plain = knowledge_base(organisation), knowledge_base(organisation, name="public rules")
    with tenant_scope(organisation.tenant.pk):
        KnowledgeBase.objects.filter(pk=secret.pk).update(secrecy=Secrecy.SECRET)
    cleared = organisation.key(organisation.finance, clearance=Secrecy.SECRET).client
    both = [str(secret.pk), str(plain.pk)]
    assert cleared.post(URL, body(knowledge_bases=both), format="json").status_code == 201
    manager = organisation.key(organisation.finance).client
    assert manager.get(f"{URL}/rules").json()["knowledge_bases"] == [str(plain.pk)]
    changed = manager.put(f"{URL}/rules", {"name": "renamed", "knowledge_bases": []}, format="json")
    assert (changed.status_code, changed.json()["knowledge_bases"]) == (200, [])
    assert cleared.get(f"{URL}/rules").json()["knowledge_bases"] == [str(secret.pk)]


def test_a_foreign_knowledge_base_is_unknown(organisation: Organisation, other: Organisation) -> None:
    theirs = knowledge_base(other)
    client = organisation.key(organisation.finance).client
    response = client.post(URL, body(knowledge_bases=[str(theirs.pk)]), format="json")
    assert (response.status_code, response.json()["code"]) == (422, "unknown_knowledge_base")
    assert count(organisation) == 0


def test_reading_scope_is_not_enough_to_write(organisation: Organisation) -> None:
    client = organisation.key(organisation.finance, KeyScope.CHAT).client
    response = client.post(URL, body(), format="json")
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert count(organisation) == 0
