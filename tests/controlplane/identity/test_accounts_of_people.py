"""Ending an account and resetting a password: only for who holds all that the person holds, and never shared accounts."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.backends import EmailBackend
from controlplane.identity.models import KeyScope, User
from controlplane.identity.passwords import password_generate
from controlplane.tenants.models import Role
from tests.controlplane.identity.test_administration import join
from tests.controlplane.identity.test_memberships import boss_of, key_made_by, path_of
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation, client_of, platform_admin

PEOPLE = "/api/v1/people"


def account(user: User) -> tuple[bool, str]:
    with platform_scope():
        found = User.objects.get(pk=user.pk)
    return found.is_active, found.password


def events(organisation: Organisation, action: str) -> int:
    with tenant_scope(organisation.tenant.pk):
        return event_list(tenant_id=organisation.tenant.pk, action=action).count()


def end(client: APIClient, user: User, *, active: bool = False) -> Any:
    return client.patch(f"{PEOPLE}/{user.pk}", {"active": active}, format="json")


def reset(client: APIClient, user: User, **body: str) -> Any:
    return client.post(f"{PEOPLE}/{user.pk}/password", body, format="json")


def test_an_ended_account_ends_its_sessions_and_its_keys(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN)
    own, key = signed_in(user), key_made_by(user, "finance", "admin")
    boss = boss_of(organisation)
    answer = end(boss, user)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert own.get("/api/v1/me").status_code == 401
    assert client_of(key).get("/api/v1/me").status_code == 401
    assert EmailBackend().authenticate(None, username=user.email, password=PASSWORD) is None
    assert end(boss, user).status_code == 200
    assert events(organisation, "user.deactivated") == 1
    assert end(boss, user, active=True).json()["active"] is True
    assert signed_in(user).get("/api/v1/me").status_code == 200
    assert client_of(key).get("/api/v1/me").status_code == 401
    assert events(organisation, "user.reactivated") == 1


def test_a_reset_password_is_told_once_and_ends_the_sessions(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    own, boss = signed_in(user), boss_of(organisation)
    answer = reset(boss, user)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    password = answer.json()["password"]
    assert own.get("/api/v1/me").status_code == 401
    new = Client().post("/api/v1/session", {"email": user.email, "password": password}, "application/json")
    assert new.status_code == 200
    [event] = _data(organisation, "user.password_reset")
    assert password not in str(event)


def _data(organisation: Organisation, action: str) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        return [(e.target, e.data) for e in event_list(tenant_id=organisation.tenant.pk, action=action)]


def test_a_repeated_reset_is_answered_without_the_password(organisation: Organisation) -> None:
    user, boss = organisation.member(organisation.finance), boss_of(organisation)
    first = boss.post(f"{PEOPLE}/{user.pk}/password", {}, format="json", headers={"Idempotency-Key": "k"})
    again = boss.post(f"{PEOPLE}/{user.pk}/password", {}, format="json", headers={"Idempotency-Key": "k"})
    assert first.json()["password"]
    assert again.json() == {"password": None}
    assert events(organisation, "user.password_reset") == 1


def test_a_weak_password_is_named(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    before = account(user)
    answer = reset(boss_of(organisation), user, password="short")
    assert (answer.status_code, answer.json()["field"]) == (422, "password")
    assert account(user) == before


@pytest.mark.parametrize("act", [end, reset])
def test_nobody_decides_over_who_holds_more(organisation: Organisation, act: Any) -> None:
    """With the password of somebody, one would have their rights."""
    boss = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.CONFIDENTIAL))
    cleared = organisation.member(organisation.lending, Role.MEMBER, Secrecy.SECRET)
    wide = organisation.member(organisation.lending)
    join(organisation, wide, organisation.energy, Role.MEMBER, Secrecy.PUBLIC)
    above = organisation.member(organisation.root, Role.MEMBER)
    for user, status, code in (
        (cleared, 403, "above_clearance"),
        (wide, 403, "account_beyond"),
        (above, 404, "not_found"),
    ):
        before = account(user)
        answer = act(boss, user)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert account(user) == before
    assert events(organisation, "user.deactivated") + events(organisation, "user.password_reset") == 0


@pytest.mark.parametrize("act", [end, reset])
def test_a_shared_account_is_nobodys_alone(organisation: Organisation, other: Organisation, act: Any) -> None:
    user = organisation.member(organisation.finance)
    join(other, user, other.energy, Role.MEMBER, Secrecy.PUBLIC)
    before = account(user)
    answer = act(boss_of(organisation), user)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_shared")
    assert account(user) == before


def test_the_platform_ends_a_shared_account_in_all_its_organisations(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.finance)
    join(other, user, other.energy, Role.ADMIN, Secrecy.PUBLIC)
    admin = platform_admin()
    join(organisation, admin, organisation.root, Role.ADMIN, Secrecy.SECRET)
    assert end(signed_in(admin), user).status_code == 200
    assert account(user)[0] is False
    assert events(organisation, "user.deactivated") == events(other, "user.deactivated") == 1


def test_the_last_administrator_of_any_organisation_stays(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.finance)
    join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
    admin = platform_admin()
    join(organisation, admin, organisation.root, Role.ADMIN, Secrecy.SECRET)
    answer = end(signed_in(admin), user)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert account(user)[0] is True


def test_an_ended_account_is_no_administrator_who_stays(organisation: Organisation) -> None:
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    ended = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    boss = signed_in(user)
    assert end(boss, ended).status_code == 200
    answer = boss.patch(path_of(organisation, user), {"role": "member"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")


def test_ones_own_account_and_the_platforms_are_not_for_this(organisation: Organisation) -> None:
    boss = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    admin = platform_admin()
    join(organisation, admin, organisation.finance, Role.MEMBER, Secrecy.PUBLIC)
    for user, code in ((boss, "own_account"), (admin, "platform_account")):
        for act in (end, reset):
            before = account(user)
            assert act(signed_in(boss), user).json()["code"] == code
            assert account(user) == before


def test_a_key_decides_over_no_account(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    client = organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET).client
    before = account(user)
    for act in (end, reset):
        assert act(client, user).json()["code"] == "key_decides_accounts"
    assert account(user) == before


@pytest.mark.parametrize("role", [Role.MEMBER, Role.MANAGER])
def test_it_needs_an_administrator(organisation: Organisation, role: Role) -> None:
    user = organisation.member(organisation.finance)
    client = signed_in(organisation.member(organisation.root, role, Secrecy.SECRET))
    before = account(user)
    for answer in (end(client, user), reset(client, user), client.get(PEOPLE)):
        assert answer.status_code == 403
    assert account(user) == before


def test_people_are_listed_once_with_the_memberships_in_sight(organisation: Organisation) -> None:
    user = organisation.member(organisation.lending, Role.MANAGER)
    join(organisation, user, organisation.energy, Role.MEMBER, Secrecy.PUBLIC)
    boss = organisation.member(organisation.finance, Role.ADMIN)
    client = signed_in(boss)
    rows = client.get(f"{PEOPLE}?q={user.email[:20]}").json()["results"]
    assert [[m["department"] for m in row["memberships"]] for row in rows] == [["lending"]]
    assert client.get(f"{PEOPLE}?role=admin").json()["results"][0]["id"] == str(boss.pk)
    assert client.get(f"{PEOPLE}?department=energy").status_code == 404
    assert client.get(f"{PEOPLE}?state=inactive").json()["results"] == []
    everybody = boss_of(organisation).get(f"{PEOPLE}?department=energy").json()["results"]
    assert [len(row["memberships"]) for row in everybody] == [2]


def test_a_generated_password_is_strong_and_another_each_time() -> None:
    made = {password_generate() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 19 and not set(password) & set("0O1lIo") for password in made)


class TestNames:
    def test_an_administrator_corrects_a_name(self, organisation: Organisation) -> None:
        user, boss = organisation.member(organisation.finance), boss_of(organisation)
        for _ in range(2):  # the second changes nothing
            answer = rename(boss, user, " 李  冰\n")
            assert (answer.status_code, answer.json()["name"]) == (200, "李 冰")
        assert _data(organisation, "user.renamed") == [(f"user:{user.pk}", {"name": "李 冰", "before": ""})]
        both = boss.patch(f"{PEOPLE}/{user.pk}", {"name": "李二郎", "active": False}, format="json").json()
        assert (both["name"], both["active"]) == ("李二郎", False)

    def test_people_change_their_own(self, organisation: Organisation, other: Organisation) -> None:
        """Also those who belong to two organisations, whose administrators may not decide over the account."""
        user = organisation.member(organisation.finance)
        join(other, user, other.root, Role.MEMBER, Secrecy.PUBLIC)
        answer = signed_in(user).patch("/api/v1/me", {"name": "李冰"}, format="json")
        assert (answer.status_code, answer.json()["name"]) == (200, "李冰")
        assert signed_in(user).get("/api/v1/me").json()["name"] == "李冰"
        for each in (organisation, other):
            assert [target for target, _ in _data(each, "user.renamed")] == [f"user:{user.pk}"]
        assert rename(boss_of(organisation), user, "x").json()["code"] == "account_shared"
        assert name_of(user) == "李冰"

    def test_who_belongs_to_no_organisation_is_in_the_platforms_trail(self, db: None) -> None:
        admin = platform_admin()
        assert signed_in(admin).patch("/api/v1/me", {"name": "管理员"}, format="json").status_code == 200
        with tenant_scope(PLATFORM_CHAIN):
            found = event_list(tenant_id=PLATFORM_CHAIN, action="user.renamed", target=f"user:{admin.pk}")
            assert found.count() == 1

    def test_nobody_else_changes_a_name(self, organisation: Organisation, other: Organisation) -> None:
        user = organisation.member(organisation.root)
        member, elsewhere = organisation.member(organisation.root), boss_of(other)
        finance = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET))
        key = organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET).client
        for client, status in ((signed_in(member), 403), (elsewhere, 404), (finance, 404), (key, 403)):
            assert rename(client, user, "x").status_code == status
        token = signed_in(user).get("/api/v1/session/token").json()["token"]
        for client in (client_of(token), key):
            refused = client.patch("/api/v1/me", {"name": "x"}, format="json")
            assert (refused.status_code, refused.json()["code"]) == (403, "session_needed")
        assert (name_of(user), name_of(member)) == ("", "")
        assert events(organisation, "user.renamed") == 0

    def test_a_name_is_a_name(self, organisation: Organisation) -> None:
        user, boss = organisation.member(organisation.finance), boss_of(organisation)
        for name in ("", "  ", "\u2003", "x" * 201):
            answer = rename(boss, user, name)
            assert (answer.status_code, answer.json()["field"]) == (422, "name")
        assert boss.patch(f"{PEOPLE}/{user.pk}", {}, format="json").status_code == 422
        assert name_of(user) == ""
        assert rename(boss, user, "李\x00冰").status_code in (200, 422)


def rename(client: APIClient, user: User, name: str) -> Any:
    return client.patch(f"{PEOPLE}/{user.pk}", {"name": name}, format="json")


def name_of(user: User) -> str:
    with platform_scope():
        return User.objects.get(pk=user.pk).name
