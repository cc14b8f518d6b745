"""Who may move a department: a move changes what others read and decide."""

from typing import Any
from uuid import UUID, uuid4

from rest_framework.test import APIClient

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Department, Role
from tests.controlplane.identity.test_administration import join
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Organisation


def move(client: APIClient, department: str, parent: str) -> Any:
    return client.patch(f"/api/v1/departments/{department}", {"parent": parent}, format="json")


def parent_of_lending(organisation: Organisation) -> UUID | None:
    with tenant_scope(organisation.tenant.pk):
        return Department.objects.get(pk=organisation.lending.pk).parent_id


def test_a_move_does_not_raise_the_movers_own_clearance(organisation: Organisation) -> None:
    user = organisation.member(organisation.energy, Role.ADMIN, Secrecy.SECRET)
    join(organisation, user, organisation.finance, Role.ADMIN, Secrecy.PUBLIC)
    refused = move(signed_in(user), "lending", "energy")
    assert (refused.status_code, refused.json()["code"]) == (403, "move_needs_clearance")
    assert refused.json()["remedy"]
    assert parent_of_lending(organisation) == organisation.finance.pk
    assert principal_of_user(user=user).clearances[organisation.lending.pk] == Secrecy.PUBLIC


def test_a_move_does_not_escape_the_administrator_above(organisation: Organisation) -> None:
    boss = organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET)
    user = organisation.member(organisation.lending, Role.ADMIN, Secrecy.SECRET)
    join(organisation, user, organisation.energy, Role.ADMIN, Secrecy.SECRET)
    refused = move(signed_in(user), "lending", "energy")
    assert (refused.status_code, refused.json()["code"]) == (403, "department_not_administered")
    assert parent_of_lending(organisation) == organisation.finance.pk
    assert organisation.lending.pk in principal_of_user(user=boss).admin_departments


def test_a_move_goes_nowhere_that_the_mover_does_not_administer(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET)
    refused = move(signed_in(user), "lending", "energy")
    assert (refused.status_code, refused.json()["code"]) == (403, "department_not_administered")
    assert parent_of_lending(organisation) == organisation.finance.pk


def test_who_administers_all_three_with_the_highest_clearance_moves(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET)
    join(organisation, user, organisation.energy, Role.ADMIN, Secrecy.SECRET)
    assert move(signed_in(user), "lending", "energy").json()["parent"] == "energy"
    assert parent_of_lending(organisation) == organisation.energy.pk


def test_a_department_out_of_sight_is_as_one_that_is_not(organisation: Organisation) -> None:
    key = organisation.key(organisation.lending, *KeyScope.values, clearance=Secrecy.SECRET).client
    answers = [
        move(key, name, "lending") for name in ("energy", str(organisation.energy.pk), "nope", uuid4())
    ]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "not_found")}
