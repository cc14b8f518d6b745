"""Changing one's password: throttled, told, with nothing open while it is hashed, and the others signed out."""

from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.identity import sign_in, throttles
from controlplane.identity.models import User
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.identity.test_sign_in import at_one_moment  # noqa: F401 - a fixture
from tests.controlplane.organisations import PASSWORD, Organisation

NEW = "quiet-channel-10"


def change(client: APIClient, current: str = PASSWORD, new: str = NEW) -> Any:
    return client.post("/api/v1/me/password", {"current": current, "new": new}, format="json")


def told(organisation: Organisation) -> list[str]:
    with tenant_scope(organisation.tenant.pk):
        actions = [e.action for e in event_list(tenant_id=organisation.tenant.pk)]
    return [a for a in actions if a.startswith("user.password")][::-1]


def stored(user: User) -> str:
    with scoped(Scope(user_id=user.pk)):
        return User.objects.get(pk=user.pk).password


def test_the_callers_own_session_stays_and_the_others_end(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    here, elsewhere = signed_in(user), signed_in(user)
    assert change(here).status_code == 204
    assert here.get("/api/v1/me").status_code == 200
    assert elsewhere.get("/api/v1/me").status_code == 401
    assert told(committed_organisation) == ["user.password_changed"]


def test_refusals_are_told_and_change_nothing(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    client, before = signed_in(user), stored(user)
    wrong, weak = change(client, current="guess"), change(client, new="password")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (
        403,
        "wrong_password",
        "current",
    )
    assert (weak.status_code, weak.json()["code"], weak.json()["field"]) == (422, "weak_password", "new")
    assert wrong.json()["remedy"]
    assert weak.json()["remedy"]
    assert stored(user) == before
    assert told(committed_organisation) == ["user.password_refused"]


def test_a_session_left_open_is_no_place_to_guess(
    committed_organisation: Organisation,
    at_one_moment: None,  # noqa: F811
) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    client = signed_in(user)
    assert {change(client, current="guess").status_code for _ in range(throttles.PasswordByActor.most)} == {
        403
    }
    refused = change(client)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "50")
    assert refused.json()["remedy"]
    another = signed_in(committed_organisation.member(committed_organisation.finance))
    assert change(another).status_code == 204


def test_no_transaction_is_open_while_a_password_is_hashed(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(committed_organisation.member(committed_organisation.finance))
    during: list[bool] = []

    def watched(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            during.append(connection.in_atomic_block)
            return function(*arguments)

        return call

    monkeypatch.setattr(sign_in, "check_password", watched(sign_in.check_password))
    monkeypatch.setattr(sign_in, "make_password", watched(sign_in.make_password))
    assert change(client).status_code == 204
    assert during == [False, False]
