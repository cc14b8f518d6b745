"""A suspended organisation: who may suspend it, what each credential of it is answered, and that nothing of it is lost."""

from io import StringIO
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command
from django.test import Client

from controlplane.assistants import demo
from controlplane.assistants.management.commands import load_demo
from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list
from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.people import NewMember, member_add
from controlplane.identity.selectors import principal_of_user
from controlplane.identity.services import api_key_revoke
from controlplane.tenants.models import Role, Tenant
from controlplane.tenants.suspensions import suspension_of, tenant_resume, tenant_suspend
from tests.controlplane.api.test_real_objects import ROUTES, call, make_world, methods, snapshot
from tests.controlplane.console.pages import askers, refused
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.identity.test_administration import join
from tests.controlplane.identity.test_chat_tokens import token_of
from tests.controlplane.identity.test_sessions import signed_in as signed_in_to_the_api
from tests.controlplane.organisations import PASSWORD, Organisation, client_of, platform_admin

REASON = "合同已于十月到期"
JSON = "application/json"


def suspend(organisation: Organisation, reason: str = REASON) -> None:
    tenant_suspend(actor="system", tenant_id=organisation.tenant.pk, reason=reason)


def resume(organisation: Organisation) -> None:
    tenant_resume(actor="system", tenant_id=organisation.tenant.pk)


def row(organisation: Organisation) -> Tenant:
    with platform_scope():
        return Tenant.objects.get(pk=organisation.tenant.pk)


def is_refused(response: Any, *, reason: str = "") -> bool:
    """As every credential of a suspended organisation is."""
    assert (response.status_code, response.json().get("reason", "")) == (403, reason), response.content
    return bool(response.json()["code"] == "tenant_suspended")


class TestDeciding:
    def test_it_is_suspended_and_resumed_with_a_reason(self, organisation: Organisation) -> None:
        client = signed_in(platform_admin())
        address = f"/api/v1/tenants/{organisation.tenant.pk}"
        answer = client.post(f"{address}/suspend", {"reason": f"  {REASON}\n "}, JSON)
        assert (answer.status_code, answer.json()["suspension_reason"]) == (200, REASON)
        assert answer.json()["suspended_at"]
        resumed = client.post(f"{address}/resume")
        assert resumed.status_code == 200
        assert (resumed.json()["suspended_at"], resumed.json()["suspension_reason"]) == (None, "")
        assert row(organisation).suspended_at is None

    def test_both_trails_tell_of_it(self, organisation: Organisation) -> None:
        admin = platform_admin()
        client, address = signed_in(admin), f"/api/v1/tenants/{organisation.tenant.pk}"
        client.post(f"{address}/suspend", {"reason": REASON}, JSON)
        client.post(f"{address}/resume")
        target = f"tenant:{organisation.tenant.pk}"
        for chain in (organisation.tenant.pk, PLATFORM_CHAIN):
            with tenant_scope(chain):
                events = list(event_list(tenant_id=chain, target=target).order_by("sequence"))
            told = [e for e in events if e.action in ("tenant.suspended", "tenant.resumed")]
            assert [e.action for e in told] == ["tenant.suspended", "tenant.resumed"]
            assert {e.actor for e in told} == {f"user:{admin.pk}"}
            assert told[0].data["reason"] == REASON
            assert told[1].data["since"]

    def test_doing_it_twice_is_one_suspension(self, organisation: Organisation) -> None:
        client = signed_in(platform_admin())
        address = f"/api/v1/tenants/{organisation.tenant.pk}"
        for _ in range(2):
            assert client.post(f"{address}/suspend", {"reason": REASON}, JSON).status_code == 200
        other = client.post(f"{address}/suspend", {"reason": "anything else"}, JSON)
        assert (other.status_code, other.json()["code"]) == (409, "already_suspended")
        for _ in range(2):
            assert client.post(f"{address}/resume").status_code == 200
        with tenant_scope(organisation.tenant.pk):
            events = event_list(tenant_id=organisation.tenant.pk, action="tenant.*")
            assert sorted(e.action for e in events) == [
                "tenant.created",
                "tenant.resumed",
                "tenant.suspended",
            ]

    def test_a_reason_is_needed(self, organisation: Organisation) -> None:
        client = signed_in(platform_admin())
        address = f"/api/v1/tenants/{organisation.tenant.pk}/suspend"
        for reason in ("", "  ", "x" * 501):
            answer = client.post(address, {"reason": reason}, JSON)
            assert (answer.status_code, answer.json()["field"]) == (422, "reason")
        assert client.post(address, {}, JSON).status_code == 422
        for wrong in (f"/api/v1/tenants/{uuid4()}/suspend", f"/api/v1/tenants/{uuid4()}/resume"):
            assert client.post(wrong, {"reason": REASON}, JSON).status_code == 404
        assert row(organisation).suspended_at is None

    def test_it_is_the_platforms_alone(self, organisation: Organisation, other: Organisation) -> None:
        by = askers(organisation, other)
        key = organisation.key(organisation.root, *KeyScope.values).client
        address = f"/api/v1/tenants/{organisation.tenant.pk}"
        for client in (by.member, by.manager, by.department_admin, by.tenant_admin, by.elsewhere, key):
            for verb in ("suspend", "resume"):
                refused(
                    organisation,
                    lambda c=client, v=verb: (
                        c.post(f"{address}/{v}", {"reason": "x"}, format="json")
                        if c is key
                        else c.post(f"{address}/{v}", {"reason": "x"}, JSON)
                    ),
                    403,
                )
        assert row(organisation).suspended_at is None
        suspend(organisation)
        for client in (by.tenant_admin, by.elsewhere):
            assert client.post(f"{address}/resume").status_code == 403
        assert row(organisation).suspended_at is not None
        assert Client().post(f"{address}/resume").status_code == 401

    @pytest.mark.parametrize("change", ["suspended_at = now()", "suspension_reason = 'x'"])
    def test_the_database_lets_no_organisation_change_it(
        self, committed_organisation: Organisation, app_dsn: str, change: str
    ) -> None:
        """Its own administrators, and the platform's work inside of it, may write the row and not these columns."""
        tenant = str(committed_organisation.tenant.pk)
        sight = {"app.tenant_id": tenant, "app.administers": "on", "app.unrestricted": "on"}
        for platform, allowed in (("", False), ("on", True)):
            with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
                for name, value in {**sight, "app.platform": platform}.items():
                    cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
                cursor.execute("UPDATE tenants_tenant SET name = 'new' WHERE id = %s", [tenant])
                assert cursor.rowcount == 1
                statement = f"UPDATE tenants_tenant SET {change} WHERE id = %s".encode()
                if allowed:
                    assert cursor.execute(statement, [tenant]).rowcount == 1
                else:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        cursor.execute(statement, [tenant])
                connection.rollback()


class TestCredentials:
    def test_its_keys_are_refused_with_a_code_of_their_own(self, organisation: Organisation) -> None:
        key = organisation.key(organisation.root, *KeyScope.values)
        revoked = organisation.key(organisation.root)
        with scoped(organisation.system().scope()):
            mark = revoked.principal.actor.removeprefix("key:")
            api_key_revoke(principal=organisation.system(), key=ApiKey.objects.get(pk=mark))
        suspend(organisation)
        assert is_refused(key.client.get("/api/v1/me"))
        assert revoked.client.get("/api/v1/me").status_code == 401
        resume(organisation)
        assert key.client.get("/api/v1/me").status_code == 200

    def test_a_session_that_is_open_is_refused(self, organisation: Organisation) -> None:
        member = signed_in(organisation.member(organisation.root, Role.MANAGER))
        admin = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
        token = token_of(organisation.member(organisation.root))
        assert client_of(token).get("/api/v1/assistants").status_code == 200
        suspend(organisation)
        for address in ("/api/v1/me", "/api/v1/session/token", "/api/v1/assistants"):
            assert is_refused(member.get(address))
            assert is_refused(admin.get(address), reason=REASON)
        assert is_refused(client_of(token).get("/api/v1/assistants"))
        resume(organisation)
        assert member.get("/api/v1/me").status_code == 200
        assert client_of(token).get("/api/v1/assistants").status_code == 200

    def test_every_call_about_its_things_is_refused_and_changes_nothing(
        self, committed: None, superuser_dsn: str
    ) -> None:
        world = make_world()
        organisation = world.organisation
        user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
        clients = [world.owner.client, client_of(token_of(user)), signed_in_to_the_api(user)]
        suspend(organisation)
        before = snapshot(superuser_dsn, organisation)
        for client in clients:
            for route in ROUTES:
                address = world.address(route)
                for method in methods(address):
                    answer = call(client, route, address, method)
                    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_suspended"), route
        assert snapshot(superuser_dsn, organisation) == before

    def test_its_people_sign_in_and_hold_nothing(self, organisation: Organisation) -> None:
        user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
        suspend(organisation)
        client = Client()
        body = client.post("/api/v1/session", {"email": user.email, "password": PASSWORD}, JSON).json()
        assert (body["tenant"], body["is_suspended"], body["scopes"]) == (None, True, [])
        assert (body["is_admin"], body["admin_departments"]) == (False, [])
        assert is_refused(client.get("/api/v1/me"), reason=REASON)
        assert client.delete("/api/v1/session").status_code == 204
        with tenant_scope(organisation.tenant.pk):
            tried = event_list(tenant_id=organisation.tenant.pk, action="session.started")
            assert tried.count() == 1

    def test_whoever_waited_for_a_lock_is_refused_after_it(self, organisation: Organisation) -> None:
        """A principal that was found before the suspension, in a service that asks again under its lock."""
        user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
        person, key = principal_of_user(user=user), organisation.key(organisation.root, *KeyScope.values)
        suspend(organisation)
        new = NewMember(f"{uuid4().hex}@example.org", "", "", Role.MEMBER, Secrecy.PUBLIC)
        for principal in (person, key.principal):
            with scoped(principal.scope()), pytest.raises(Forbidden) as refusal:
                member_add(principal=principal, department=organisation.root, member=new)
            assert refusal.value.code == "tenant_suspended"
        with platform_scope():
            assert not User.objects.filter(email=new.email).exists()


class TestSeveral:
    def test_nobody_is_moved_on_to_another_organisation_unasked(
        self, organisation: Organisation, other: Organisation
    ) -> None:
        user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
        join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
        client = signed_in(user)
        assert client.get("/api/v1/me").json()["tenant"] == str(organisation.tenant.pk)
        suspend(organisation)
        assert is_refused(client.get("/api/v1/me"), reason=REASON)
        named = client.get("/api/v1/me", headers={"X-Karez-Tenant": str(other.tenant.pk)})
        assert named.json()["tenant"] == str(other.tenant.pk)
        assert client.post("/tenant", {"tenant": str(other.tenant.pk)}).headers["Location"] == "/"
        assert client.get("/api/v1/me").json()["tenant"] == str(other.tenant.pk)

    def test_the_reason_is_for_those_who_administer_it(
        self, organisation: Organisation, other: Organisation
    ) -> None:
        user = organisation.member(organisation.root)
        join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
        suspend(organisation)
        client = signed_in(user)
        assert is_refused(client.get("/api/v1/me"))
        listed = client.get("/api/v1/tenants", headers={"X-Karez-Tenant": str(other.tenant.pk)})
        shown = {row["slug"]: row for row in listed.json()["results"]}
        assert shown[organisation.tenant.slug]["suspended_at"]
        assert REASON not in listed.text
        assert REASON in signed_in(platform_admin()).get("/api/v1/tenants?limit=200").text

    def test_another_organisation_notices_nothing(
        self, organisation: Organisation, other: Organisation
    ) -> None:
        key = other.key(other.root, *KeyScope.values).client
        suspend(organisation)
        assert key.get("/api/v1/me").status_code == 200
        with scoped(Scope(tenant_id=other.tenant.pk)):
            assert suspension_of(tenant_id=organisation.tenant.pk) is None  # not theirs to see

    def test_the_platforms_administrator_is_never_locked_out(self, organisation: Organisation) -> None:
        """Not even of the platform, by suspending the organisation that they belong to."""
        user = platform_admin()
        join(organisation, user, organisation.root, Role.ADMIN, Secrecy.SECRET)
        client, address = signed_in(user), f"/api/v1/tenants/{organisation.tenant.pk}"
        assert client.post(f"{address}/suspend", {"reason": REASON}, JSON).status_code == 200
        assert client.get("/api/v1/me").json()["is_suspended"] is True
        for call_ in ("/api/v1/people", "/api/v1/assistants", "/api/v1/session/token", "/api/v1/departments"):
            assert is_refused(client.get(call_), reason=REASON)
        assert client.post(f"{address}/resume").status_code == 200
        assert client.get("/api/v1/people").status_code == 200


def test_a_start_leaves_a_suspended_demonstration_as_it_is(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credentials are refused as all others: loading it again would end the start."""
    monkeypatch.setattr(demo, "SLUG", organisation.tenant.slug)
    monkeypatch.setattr(load_demo, "demo_load", Mock(side_effect=AssertionError("touched")))
    suspend(organisation)
    told = StringIO()
    call_command(load_demo.Command(stdout=told))
    assert "suspended" in told.getvalue()
    resume(organisation)
    with pytest.raises(AssertionError, match="touched"):
        call_command(load_demo.Command(stdout=told))
