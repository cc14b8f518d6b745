"""What the database itself refuses about people and memberships, whatever the code above it asks for."""

from uuid import uuid4

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from django.utils import timezone

from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.identity.models import ApiKey, User
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Department, Membership, Role, Tenant
from tests.controlplane.organisations import Key, Organisation

DENIED = r"row-level security|permission denied"


def new_address() -> str:
    return f"{uuid4().hex}@example.org"


def test_signing_up_makes_no_platform_administrator(organisation: Organisation) -> None:
    email = new_address()
    with pytest.raises(ProgrammingError, match=DENIED), scoped(Scope(login_email=email)):
        User.objects.create(email=email, is_platform_admin=True)
    with pytest.raises(ProgrammingError, match=DENIED), scoped(Scope(login_email=email)):
        User.objects.create(email=new_address())
    with scoped(Scope(login_email=email)):
        assert User.objects.create(email=email).is_platform_admin is False
    with platform_scope():
        User.objects.create(email=new_address(), is_platform_admin=True)


def test_knowing_an_address_changes_nothing_about_its_owner(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    for scope in (
        Scope(login_email=user.email),
        Scope(tenant_id=organisation.tenant.pk, unrestricted=True, administers=True),
    ):
        with scoped(scope):
            assert User.objects.filter(pk=user.pk).exists()
            assert User.objects.filter(pk=user.pk).update(password="x", is_active=False) == 0
    with scoped(Scope(user_id=user.pk)):
        assert User.objects.filter(pk=user.pk).update(name="Li Lei") == 1


@pytest.mark.parametrize(
    "change",
    ["email = 'a@example.org'", "is_platform_admin = true", "id = gen_random_uuid()", "created_at = now()"],
)
def test_nobody_becomes_somebody_else(organisation: Organisation, change: str) -> None:
    user = organisation.member(organisation.finance)
    for scope in (Scope(user_id=user.pk), Scope(platform=True)):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            scoped(scope),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE identity_user SET {change} WHERE id = %s", [user.pk])


def test_only_who_administers_changes_memberships(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    sight = Scope(tenant_id=organisation.tenant.pk, user_id=user.pk)
    with scoped(sight):
        own = Membership.objects.filter(user_id=user.pk)
        assert own.count() == 1
        assert own.update(role=Role.ADMIN) == 0
        assert own.delete()[0] == 0
    with pytest.raises(ProgrammingError, match=DENIED), scoped(sight):
        Membership.objects.create(
            tenant=organisation.tenant, user=user, department=organisation.energy, role=Role.ADMIN
        )
    with tenant_scope(organisation.tenant.pk):
        assert [m.role for m in Membership.objects.filter(user_id=user.pk)] == [Role.MEMBER]
    with scoped(Scope(tenant_id=organisation.tenant.pk, administers=True)):
        assert Membership.objects.filter(user_id=user.pk).update(role=Role.MANAGER) == 1


def test_own_memberships_elsewhere_are_seen_and_not_changed(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.finance)
    with scoped(Scope(tenant_id=other.tenant.pk, user_id=user.pk, administers=True)):
        assert Membership.objects.filter(user_id=user.pk).count() == 1
        assert Membership.objects.filter(user_id=user.pk).update(role=Role.ADMIN) == 0
    with scoped(Scope(tenant_id=other.tenant.pk, administers=True)):
        assert Membership.objects.filter(user_id=user.pk).count() == 0


@pytest.mark.parametrize(
    "table",
    ["django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"],
)
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET id = id", "INSERT INTO {} DEFAULT VALUES"])
def test_what_migrations_write_is_only_read(organisation: Organisation, table: str, verb: str) -> None:
    with scoped(Scope(platform=True)), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scoped(Scope(platform=True)),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(table))


def test_only_who_administers_changes_keys_departments_and_the_tenant(organisation: Organisation) -> None:
    user, key = organisation.member(organisation.lending), organisation.key(organisation.root)
    sights = (
        principal_of_user(user=user).scope(),
        organisation.key(organisation.root).principal.scope(),
    )
    new_key = {"name": "x", "prefix": "kz_x", "scopes": ["admin"], "clearance": 3, "created_by": "nobody"}
    tenant, root = organisation.tenant, organisation.root
    for sight in sights:
        with scoped(sight):
            assert ApiKey.objects.filter(pk=key_id(key)).update(revoked_at=timezone.now()) == 0
            assert ApiKey.objects.filter(pk=key_id(key)).delete()[0] == 0
            assert (
                Department.objects.filter(pk=organisation.energy.pk).update(parent=organisation.lending) == 0
            )
            assert Tenant.objects.filter(pk=tenant.pk).update(name="x") == 0
        with pytest.raises(ProgrammingError, match=DENIED), scoped(sight):
            ApiKey.objects.create(tenant=tenant, department=root, key_hash=uuid4().hex, **new_key)
        with pytest.raises(ProgrammingError, match=DENIED), scoped(sight):
            Department.objects.create(tenant=tenant, slug="x", name="x", parent=root)
    with scoped(Scope(tenant_id=tenant.pk, administers=True)):
        assert ApiKey.objects.filter(pk=key_id(key)).update(revoked_at=timezone.now()) == 1
        assert Department.objects.filter(pk=organisation.energy.pk).update(name="x") == 1
        assert Tenant.objects.filter(pk=tenant.pk).update(name="x") == 1


def test_a_key_notes_its_own_use(organisation: Organisation) -> None:
    key, another = organisation.key(organisation.lending), organisation.key(organisation.lending)
    with scoped(key.principal.scope()):
        now = timezone.now()
        assert ApiKey.objects.filter(pk=key_id(key)).update(last_used_at=now) == 1
        assert ApiKey.objects.filter(pk=key_id(another)).update(last_used_at=now) == 0


@pytest.mark.parametrize(
    "change",
    ["scopes = '{admin}'", "clearance = 3", "key_hash = 'x'", "expires_at = NULL", "created_by = 'x'"],
)
def test_what_a_key_may_do_is_never_changed(organisation: Organisation, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(organisation.tenant.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE identity_apikey SET {change}")


def key_id(key: Key) -> str:
    return key.principal.actor.removeprefix("key:")
