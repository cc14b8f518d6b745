"""The first start: only with the installation's token, and only once."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from controlplane.core.problems import Conflict, Forbidden, InvalidInput
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.identity import setup
from controlplane.identity.founding import FirstPerson
from controlplane.identity.models import User
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Tenant
from tests.controlplane.organisations import PASSWORD, Organisation


@pytest.fixture
def empty_platform(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were no organisation yet: other tests have left theirs."""
    monkeypatch.setattr(setup, "is_set_up", lambda: False)


def wanted(**changes: Any) -> dict[str, Any]:
    name = f"first-{uuid4().hex[:8]}"
    admin = FirstPerson(email=f"{name}@example.org", password=PASSWORD, name="王建国")
    return {"token": setup.setup_token(), "name": "试点银行", "slug": name, "admin": admin, **changes}


def people() -> int:
    with platform_scope():
        return User.objects.count() + Tenant.objects.count()


def test_the_first_administrator_runs_the_platform_and_the_organisation(empty_platform: None) -> None:
    user = setup.platform_set_up(**wanted())
    with scoped(Scope(user_id=user.pk)):
        principal = principal_of_user(user=user)
    assert principal.is_admin
    assert principal.is_platform_admin
    with tenant_scope(principal.tenant):
        assert Tenant.objects.get(pk=principal.tenant).name == "试点银行"


@pytest.mark.parametrize("token", ["", "0" * 32])
def test_without_the_token_nothing_is_made(empty_platform: None, token: str) -> None:
    before = people()
    with pytest.raises(Forbidden) as caught:
        setup.platform_set_up(**wanted(token=token))
    assert caught.value.code == "wrong_setup_token"
    assert people() == before


def test_a_weak_password_names_its_field_and_leaves_nothing_behind(empty_platform: None) -> None:
    before = people()
    admin = FirstPerson(email="a@example.org", password="1234567890", name="A")
    with pytest.raises(InvalidInput) as caught:
        setup.platform_set_up(**wanted(admin=admin))
    assert caught.value.field == "admin.password"
    assert people() == before


def test_once_there_is_an_organisation_the_token_is_worth_nothing(organisation: Organisation) -> None:
    before = people()
    with pytest.raises(Conflict) as caught:
        setup.platform_set_up(**wanted())
    assert caught.value.code == "already_set_up"
    assert people() == before


def test_over_rest(committed_organisation: Organisation) -> None:
    body = {"name": "X", "slug": "x", "admin": {"email": "x@example.org", "password": PASSWORD}}
    client, before = APIClient(), people()
    wrong = client.post("/api/v1/setup", {**body, "token": "wrong"}, format="json")
    late = client.post("/api/v1/setup", {**body, "token": setup.setup_token()}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_setup_token")
    assert (late.status_code, late.json()["code"]) == (409, "already_set_up")
    assert people() == before
