"""What an administrator of one department may do there, and nowhere else."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from controlplane.core.scope import platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.identity.models import KeyScope, User
from controlplane.identity.selectors import principal_of_key, principal_of_user
from controlplane.identity.services import user_create
from controlplane.tenants.models import Department, Membership, Role
from controlplane.tenants.services import membership_set
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation

MEMBERS = "/api/v1/members"


def member(**changes: Any) -> dict[str, Any]:
    return {"email": "new@example.org", "password": "quiet-channel-8", "department": "lending"} | changes


def join(
    organisation: Organisation, user: User, department: Department, role: Role, clearance: Secrecy
) -> None:
    with tenant_scope(organisation.tenant.pk):
        membership_set(
            tenant_id=organisation.tenant.pk,
            actor="system",
            user_id=user.pk,
            department=department,
            role=role,
            clearance=clearance,
        )


def memberships(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return Membership.objects.count()


def test_an_administrator_of_a_department_administers_only_what_is_beneath_it(
    organisation: Organisation,
) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN)
    principal = principal_of_user(user=user)
    beneath = {organisation.finance.pk, organisation.lending.pk}
    assert principal.admin_departments == principal.write_departments == principal.read_departments == beneath
    assert principal.is_admin is False
    client = signed_in(user)
    assert client.post(MEMBERS, member(), format="json").status_code == 201
    before = memberships(organisation)
    refused = client.post(MEMBERS, member(department="energy"), format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "department_not_administered")
    assert {m["department"] for m in client.get(MEMBERS).json()["results"]} == {"finance", "lending"}
    assert client.get("/api/v1/audit-events").status_code == 403
    assert client.post("/api/v1/audit-events/verify").status_code == 403
    assert memberships(organisation) == before


def test_managing_one_department_and_administering_another_do_not_add_up(organisation: Organisation) -> None:
    user = organisation.member(organisation.lending, Role.ADMIN)
    join(organisation, user, organisation.energy, Role.MANAGER, Secrecy.INTERNAL)
    refused = signed_in(user).post(MEMBERS, member(department="energy"), format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "department_not_administered")


def test_a_key_cannot_give_itself_a_person_with_more_rights(organisation: Organisation) -> None:
    key = organisation.key(organisation.lending, KeyScope.ADMIN, KeyScope.DOCUMENTS_WRITE)
    before = memberships(organisation)
    refused = key.client.post(MEMBERS, member(role="admin"), format="json")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        403,
        "key_grants_role",
        "role",
    )
    assert memberships(organisation) == before


def test_a_clearance_holds_where_it_was_given(organisation: Organisation) -> None:
    user = organisation.member(organisation.energy, clearance=Secrecy.INTERNAL)
    join(organisation, user, organisation.lending, Role.ADMIN, Secrecy.SECRET)
    principal = principal_of_user(user=user)
    assert principal.clearances == {
        organisation.energy.pk: Secrecy.INTERNAL,
        organisation.lending.pk: Secrecy.SECRET,
    }
    with tenant_scope(organisation.tenant.pk):
        space = EmbeddingSpace.objects.create(
            tenant=organisation.tenant, model="m", version="1", dimension=512
        )
        for department in (organisation.energy, organisation.lending):
            KnowledgeBase.objects.create(
                tenant=organisation.tenant,
                name="x",
                department=department,
                space=space,
                secrecy=Secrecy.SECRET,
            )
    with scoped(principal.scope()):
        seen = set(KnowledgeBase.objects.values_list("department_id", flat=True))
    assert seen == {organisation.lending.pk}


def test_a_person_of_another_organisation_is_not_taken_in(
    organisation: Organisation, other: Organisation
) -> None:
    """Whoever made the account may know its password."""
    theirs = other.member(other.finance)
    admin = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    before = memberships(organisation)
    refused = admin.post(MEMBERS, member(email=theirs.email, role="admin"), format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "person_elsewhere")
    assert "name" not in refused.json()
    assert memberships(organisation) == before


def test_keys_die_with_the_key_that_made_them(organisation: Organisation) -> None:
    root = organisation.key(organisation.root, *KeyScope.values)
    body = {"name": "child", "department": "finance", "scopes": ["admin", "chat"]}
    child = root.client.post("/api/v1/api-keys", body, format="json").json()
    boss = organisation.key(organisation.root, *KeyScope.values).client
    assert boss.delete(f"/api/v1/api-keys/{root.principal.actor.removeprefix('key:')}").status_code == 204
    assert principal_of_key(presented=child["key"]) is None


def test_a_key_cannot_outlive_its_maker(organisation: Organisation) -> None:
    admin = organisation.key(organisation.root, *KeyScope.values).client
    soon = (timezone.now() + timedelta(minutes=5)).isoformat()
    body = {"name": "short", "department": "finance", "scopes": ["admin", "chat"], "expires_at": soon}
    short = APIClient()
    short.credentials(
        HTTP_AUTHORIZATION="Bearer " + admin.post("/api/v1/api-keys", body, format="json").json()["key"]
    )
    refused = short.post("/api/v1/api-keys", body | {"expires_at": None}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "outlives_maker")
    assert short.post("/api/v1/api-keys", body, format="json").status_code == 201


def test_a_persons_keys_go_when_the_person_goes(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN)
    body = {"name": "own", "department": "lending", "scopes": ["chat"]}
    presented = signed_in(user).post("/api/v1/api-keys", body, format="json").json()["key"]
    boss = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    membership = next(m for m in boss.get(MEMBERS).json()["results"] if m["user"] == str(user.pk))
    assert boss.delete(f"{MEMBERS}/{membership['id']}").status_code == 204
    assert principal_of_key(presented=presented) is None


def test_a_tenant_is_founded_with_its_administrator(organisation: Organisation) -> None:
    with platform_scope():
        user = user_create(
            actor="system", email="root2@example.org", password=PASSWORD, is_platform_admin=True
        )
    new = {
        "slug": "grid-south",
        "name": "South Grid",
        "admin": {"email": "boss@south.example", "password": "quiet-channel-9"},
    }
    made = signed_in(user).post("/api/v1/tenants", new, format="json")
    assert made.status_code == 201, made.json()
    assert "admin" not in made.json()
    client = APIClient()
    signed = client.post(
        "/api/v1/session", {"email": "boss@south.example", "password": "quiet-channel-9"}, format="json"
    )
    assert (signed.json()["is_admin"], signed.json()["tenant"]) == (True, made.json()["id"])


def test_people_change_their_own_password(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    client = signed_in(user)
    wrong = client.post("/api/v1/me/password", {"current": "guess", "new": "quiet-channel-10"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    weak = client.post("/api/v1/me/password", {"current": PASSWORD, "new": "password"}, format="json")
    assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
    changed = client.post(
        "/api/v1/me/password", {"current": PASSWORD, "new": "quiet-channel-10"}, format="json"
    )
    assert changed.status_code == 204
    old = APIClient().post("/api/v1/session", {"email": user.email, "password": PASSWORD}, format="json")
    assert old.status_code == 403


def test_a_key_has_no_password(organisation: Organisation) -> None:
    key = organisation.key(organisation.finance).client
    response = key.post(
        "/api/v1/me/password", {"current": PASSWORD, "new": "quiet-channel-10"}, format="json"
    )
    assert (response.status_code, response.json()["code"]) == (403, "wrong_password")


@pytest.mark.parametrize("path", ["/api/v1/members", "/api/v1/api-keys"])
def test_lists_show_what_one_administers(organisation: Organisation, path: str) -> None:
    organisation.member(organisation.energy)
    organisation.key(organisation.energy)
    key = organisation.key(organisation.lending, KeyScope.ADMIN)
    shown = key.client.get(path).json()["results"]
    assert {row["department"] for row in shown} <= {"lending"}
