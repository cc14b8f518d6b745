"""Administrative changes that run at once: one waits for the other, and neither acts on rights that are gone."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from controlplane.core.problems import Forbidden
from controlplane.core.scope import enter_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope
from controlplane.identity.selectors import principal_of_key
from controlplane.identity.services import api_key_create, api_key_revoke, api_key_touch
from controlplane.tenants import services as tenancy
from controlplane.tenants.models import Department, Role
from tests.controlplane.console.test_pages import signed_in as console
from tests.controlplane.identity.test_administration import MEMBERS
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Key, Organisation


def in_thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def key_id(key: Key) -> str:
    return key.principal.actor.removeprefix("key:")


def revoke(organisation: Organisation, key: Key) -> None:
    boss = organisation.system()
    with scoped(boss.scope()):
        api_key_revoke(principal=boss, key=ApiKey.objects.get(pk=key_id(key)))


def make_child(organisation: Organisation, maker: Key) -> str:
    _row, presented = api_key_create(
        principal=maker.principal,
        department=organisation.root,
        name="child",
        scopes=["admin"],
        clearance=Secrecy.PUBLIC,
    )
    return presented


def test_a_key_that_is_made_while_its_maker_is_revoked_dies_with_it(
    committed_organisation: Organisation,
) -> None:
    organisation = committed_organisation
    maker = organisation.key(organisation.root, *KeyScope.values)
    with transaction.atomic():
        enter_scope(maker.principal.scope())
        child = make_child(organisation, maker)
        thread = in_thread(lambda: revoke(organisation, maker))
        thread.join(0.5)
        assert thread.is_alive(), "the revocation waits for what the key is making"
    thread.join(20)
    assert principal_of_key(presented=maker.presented) is None
    assert principal_of_key(presented=child) is None


def test_a_revoked_maker_makes_nothing_more(committed_organisation: Organisation) -> None:
    organisation = committed_organisation
    maker = organisation.key(organisation.root, *KeyScope.values)
    revoke(organisation, maker)
    with pytest.raises(Forbidden) as caught, scoped(maker.principal.scope()):
        make_child(organisation, maker)
    assert caught.value.code == "credential_ended"


def test_a_running_request_of_a_key_does_not_hold_up_its_revocation(
    committed_organisation: Organisation,
) -> None:
    organisation = committed_organisation
    key = organisation.key(organisation.root, *KeyScope.values)
    with transaction.atomic():
        enter_scope(key.principal.scope())
        api_key_touch(principal=key.principal)
        thread = in_thread(lambda: revoke(organisation, key))
        thread.join(20)
        assert not thread.is_alive()


def test_using_a_key_is_noted(committed_organisation: Organisation) -> None:
    key = committed_organisation.key(committed_organisation.finance)
    assert key.client.get("/api/v1/me").status_code == 200
    again = principal_of_key(presented=key.presented)
    assert again is not None
    assert again.key_last_used_at is not None


def test_two_additions_at_once_do_not_wait_in_a_circle(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One makes a person first, whose event takes the head of the trail; the other takes the department's row first."""
    organisation = committed_organisation
    there = organisation.member(organisation.lending)
    boss = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    bodies = (
        {"email": f"{uuid4().hex}@example.org", "department": "root", "password": PASSWORD},
        {"email": there.email, "department": "root"},
    )
    record, answers = tenancy.record, []

    def slowly(**event: Any) -> None:
        threading.Event().wait(0.3)
        record(**event)

    monkeypatch.setattr(tenancy, "record", slowly)
    threads = [
        in_thread(lambda body=body: answers.append(boss.post(MEMBERS, body, format="json")))  # type: ignore[misc]
        for body in bodies
    ]
    for thread in threads:
        thread.join(20)
    assert [a.status_code for a in answers] == [201, 201]


def test_the_right_to_end_a_key_is_checked_once(organisation: Organisation) -> None:
    """What it made has moved to where the administrator has no say; the work of the key ends all the same."""
    parent = organisation.key(organisation.finance, *KeyScope.values)
    body = {"name": "child", "department": "lending", "scopes": ["chat"], "clearance": "public"}
    child = parent.client.post("/api/v1/api-keys", body, format="json").json()["key"]
    root = organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET).client
    moved = root.patch("/api/v1/departments/lending", {"parent": "energy"}, format="json")
    assert moved.status_code == 200
    boss = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET))
    assert boss.delete(f"/api/v1/api-keys/{key_id(parent)}").status_code == 204
    assert principal_of_key(presented=parent.presented) is None
    assert principal_of_key(presented=child) is None


def test_nobody_founds_a_department_beneath_one_that_was_just_moved_away(
    committed_organisation: Organisation,
) -> None:
    organisation = committed_organisation
    api = signed_in(organisation.member(organisation.finance, Role.ADMIN))
    page = console(organisation.member(organisation.finance, Role.ADMIN))
    answers: list[int] = []

    def make() -> None:
        body = {"slug": "new", "name": "New", "parent": "lending"}
        answers.append(api.post("/api/v1/departments", body, format="json").status_code)
        answers.append(page.post("/departments/add", body | {"parent": lending}).status_code)

    lending = str(organisation.lending.pk)
    boss = organisation.system()
    with transaction.atomic():
        enter_scope(boss.scope())
        tenancy.department_move(
            tenant_id=boss.tenant,
            actor=boss.actor,
            department=organisation.lending,
            parent=organisation.energy,
        )
        thread = in_thread(make)
        thread.join(0.5)
        assert thread.is_alive(), "it waits for the move"
    thread.join(60)
    assert answers in ([403, 403], [403, 422])
    with scoped(boss.scope()):
        assert not Department.objects.filter(slug="new").exists()
