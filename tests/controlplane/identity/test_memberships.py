"""A membership is made once, changed and ended; and nobody is locked out for good."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope, User
from controlplane.identity.selectors import principal_of_key, principal_of_user
from controlplane.tenants.models import Membership, Role
from tests.controlplane.identity.test_administration import MEMBERS, join
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation, platform_admin


def boss_of(organisation: Organisation, clearance: Secrecy = Secrecy.SECRET) -> APIClient:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, clearance))


def membership_of(organisation: Organisation, user: User) -> Membership:
    with tenant_scope(organisation.tenant.pk):
        return Membership.objects.get(user=user)


def path_of(organisation: Organisation, user: User) -> str:
    return f"{MEMBERS}/{membership_of(organisation, user).pk}"


def state(organisation: Organisation) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        rows = Membership.objects.order_by("pk").values_list("user", "department", "role", "clearance")
        return [*rows, event_list(tenant_id=organisation.tenant.pk, action="membership.changed").count()]


def events(organisation: Organisation, action: str) -> list[dict[str, Any]]:
    with tenant_scope(organisation.tenant.pk):
        return [e.data for e in event_list(tenant_id=organisation.tenant.pk, action=action)]


def key_made_by(user: User, department: str, *scopes: str, clearance: str = "public") -> str:
    body = {"name": "own", "department": department, "scopes": scopes, "clearance": clearance}
    answer = signed_in(user).post("/api/v1/api-keys", body, format="json")
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["key"])


def test_a_member_is_not_added_twice(organisation: Organisation) -> None:
    """Adding somebody again would set what was left out to its default: an administrator would lose the clearance."""
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    before = state(organisation)
    body = {"email": user.email, "department": "root", "role": "admin"}
    refused = signed_in(user).post(MEMBERS, body, format="json")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        409,
        "member_exists",
        "email",
    )
    assert state(organisation) == before


def test_a_membership_is_changed_in_part(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.MANAGER, Secrecy.INTERNAL)
    boss, path = boss_of(organisation), path_of(organisation, user)
    assert boss.get(path).json()["role"] == "manager"
    changed = boss.patch(path, {"clearance": "secret"}, format="json")
    assert (changed.status_code, changed.json()["role"], changed.json()["clearance"]) == (
        200,
        "manager",
        "secret",
    )
    assert boss.patch(path, {"role": "member"}, format="json").json()["clearance"] == "secret"
    [latest, first] = events(organisation, "membership.changed")
    assert first == {"department": "finance", "role": "manager", "clearance": "secret"}
    assert latest == {"department": "finance", "role": "member", "clearance": "secret"}


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ({"clearance": "secret"}, "above_clearance", "clearance"),
        ({"role": "admin"}, "key_grants_role", "role"),
    ],
)
def test_nobody_gives_more_than_they_have(
    organisation: Organisation, sent: dict[str, str], code: str, field: str
) -> None:
    user = organisation.member(organisation.finance, Role.MEMBER, Secrecy.PUBLIC)
    client, path = (
        organisation.key(organisation.finance, *KeyScope.values).client,
        path_of(organisation, user),
    )
    before = state(organisation)
    refused = client.patch(path, sent, format="json")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, code, field)
    assert refused.json()["remedy"]
    assert state(organisation) == before


def test_a_lower_cleared_administrator_takes_nothing_from_a_higher_one(organisation: Organisation) -> None:
    secret = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    low, path = boss_of(organisation, Secrecy.PUBLIC), path_of(organisation, secret)
    before = state(organisation)
    for refused in (low.patch(path, {"clearance": "public"}, format="json"), low.delete(path)):
        assert (refused.status_code, refused.json()["code"]) == (403, "above_clearance")
    assert state(organisation) == before


@pytest.mark.parametrize("others", [[], [(Role.MEMBER, Secrecy.SECRET), (Role.ADMIN, Secrecy.INTERNAL)]])
def test_the_last_administrator_with_the_highest_clearance_stays(
    organisation: Organisation, others: list[tuple[Role, Secrecy]]
) -> None:
    """With nobody to give it, the clearance would be gone for good."""
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    for role, clearance in others:
        organisation.member(organisation.root, role, clearance)
    client, path = signed_in(user), path_of(organisation, user)
    before = state(organisation)
    refusals = [
        client.delete(path),
        client.patch(path, {"role": "member"}, format="json"),
        client.patch(path, {"clearance": "confidential"}, format="json"),
    ]
    assert {(r.status_code, r.json()["code"]) for r in refusals} == {(409, "last_administrator")}
    assert state(organisation) == before
    organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    assert client.delete(path).status_code == 204


def test_what_another_administers_is_not_there(organisation: Organisation, other: Organisation) -> None:
    mine = organisation.key(organisation.lending, *KeyScope.values).client
    paths = [
        path_of(organisation, organisation.member(organisation.energy)),
        path_of(other, other.member(other.lending)),
        f"{MEMBERS}/{uuid4()}",
    ]
    before = state(organisation), state(other)
    for path in paths:
        answers = [mine.get(path), mine.patch(path, {"role": "member"}, format="json"), mine.delete(path)]
        assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "not_found")}
    assert (state(organisation), state(other)) == before


def test_what_a_person_loses_their_keys_lose(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET)
    low = key_made_by(user, "lending", "chat")
    high = key_made_by(user, "finance", "chat", clearance="secret")
    boss, path = boss_of(organisation), path_of(organisation, user)
    assert boss.patch(path, {"clearance": "internal"}, format="json").status_code == 200
    assert principal_of_key(presented=high) is None
    assert principal_of_key(presented=low) is not None
    assert len(events(organisation, "api_key.revoked")) == 1
    assert boss.patch(path, {"role": "manager"}, format="json").status_code == 200
    assert principal_of_key(presented=low) is None
    assert len(events(organisation, "api_key.revoked")) == 2


def test_keys_that_another_membership_covers_stay(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN)
    finance = path_of(organisation, user)
    join(organisation, user, organisation.lending, Role.ADMIN, Secrecy.INTERNAL)
    covered, lost = key_made_by(user, "lending", "chat"), key_made_by(user, "finance", "chat")
    assert boss_of(organisation).delete(finance).status_code == 204
    assert (principal_of_key(presented=covered) is None, principal_of_key(presented=lost)) == (False, None)


def test_who_left_may_come_back(organisation: Organisation, other: Organisation) -> None:
    user, boss = organisation.member(organisation.finance), boss_of(organisation)
    assert boss.delete(path_of(organisation, user)).status_code == 204
    strangers = boss_of(other).post(MEMBERS, {"email": user.email, "department": "root"}, format="json")
    assert (strangers.status_code, strangers.json()["code"]) == (409, "person_elsewhere")
    back = boss.post(MEMBERS, {"email": user.email, "department": "energy"}, format="json")
    assert back.status_code == 201, back.json()
    assert principal_of_user(user=user).read_departments == {organisation.energy.pk}


def test_who_left_and_belongs_elsewhere_is_a_stranger(
    organisation: Organisation, other: Organisation
) -> None:
    user, boss = organisation.member(organisation.finance), boss_of(organisation)
    assert boss.delete(path_of(organisation, user)).status_code == 204
    join(other, user, other.finance, Role.MEMBER, Secrecy.PUBLIC)
    refused = boss.post(MEMBERS, {"email": user.email, "department": "energy"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "person_elsewhere")


def test_the_platforms_administrator_adds_people_to_any_tenant(
    organisation: Organisation, other: Organisation
) -> None:
    theirs, client = other.member(other.finance), signed_in(platform_admin())
    body = {"email": theirs.email, "department": "root", "role": "admin", "clearance": "secret"}
    here = {"format": "json", "HTTP_X_KAREZ_TENANT": str(organisation.tenant.pk)}
    added = client.post(MEMBERS, body, **here)
    assert (added.status_code, added.json()["email"]) == (201, theirs.email), added.json()
    assert principal_of_user(user=theirs, tenant_id=organisation.tenant.pk).is_admin is True
    assert client.post(MEMBERS, body, **here).json()["code"] == "member_exists"
    new = {"email": f"{uuid4().hex}@example.org", "password": PASSWORD, "department": "energy"}
    assert client.post(MEMBERS, new, **here).status_code == 201
    assert client.get(MEMBERS, **here).status_code == 403
    assert client.post(MEMBERS, body, format="json").json()["code"] == "no_tenant"
    nowhere = client.post(MEMBERS, body, format="json", HTTP_X_KAREZ_TENANT=str(UUID(int=7)))
    assert nowhere.status_code == 404
