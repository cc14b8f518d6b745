"""Limits of use: who sets which, what the trail says, and what a gateway keeps of them in memory."""

import asyncio
from dataclasses import replace
from io import StringIO
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from controlplane.audit.selectors import event_list
from controlplane.core.changes import LIMITS, Changes
from controlplane.core.problems import Forbidden, InvalidInput
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user
from controlplane.metering import limit_cache
from controlplane.metering.departments import department_dissolve
from controlplane.metering.limit_cache import LimitCache
from controlplane.metering.limits import (
    NOTHING_SET,
    LimitValues,
    TenantLimits,
    department_limits_set,
    limits_of,
    tenant_limits_set,
)
from controlplane.metering.models import UsageLimit
from controlplane.tenants.models import Role
from inference.admission import Limits
from tests.controlplane.organisations import Organisation

SOME = LimitValues(requests_per_minute=60, tokens_per_minute=100_000, concurrency=8, weight=30)
PLATFORM = Principal(actor="user:p", tenant_id=None, name="platform", is_platform_admin=True)


def admin_of(organisation: Organisation) -> Principal:
    """An administrator as the database knows one."""
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    return principal_of_user(user=user, tenant_id=organisation.tenant.pk)


def changes_of(organisation: Organisation) -> list[tuple[str, str]]:
    with tenant_scope(organisation.tenant.pk):
        events = event_list(tenant_id=organisation.tenant.pk)
        return [(event.actor, event.target) for event in events if event.action == "limits.changed"]


def test_nothing_is_limited_until_somebody_does(organisation: Organisation) -> None:
    found = limits_of(tenant_id=organisation.tenant.pk)
    assert (found.own, found.departments) == (NOTHING_SET, {})
    party = found.party(department_id=organisation.finance.pk)
    assert (party.tenant.weight, bool(party.tenant.limits)) == (10, False)


def test_the_platform_limits_a_tenant_and_its_administrators_their_departments(
    organisation: Organisation, other: Organisation
) -> None:
    tenant_id, admin = organisation.tenant.pk, admin_of(organisation)
    tenant_limits_set(principal=PLATFORM, tenant_id=tenant_id, values=SOME)
    own = replace(SOME, concurrency=2, batch_allowed=False)
    with scoped(admin.scope()):
        department_limits_set(principal=admin, department=organisation.finance, values=own)
        department_limits_set(principal=admin, department=organisation.finance, values=own)  # no change
    found = limits_of(tenant_id=tenant_id)
    assert (found.own, found.departments) == (SOME, {organisation.finance.pk: own})
    party = found.party(department_id=organisation.finance.pk, priority="batch")
    assert party.tenant.limits == Limits(60, 100_000, 8)
    assert party.department
    assert (party.department.weight, party.department.limits.concurrency) == (30, 2)
    assert found.party(department_id=organisation.finance.pk, priority="batch") is party
    assert not found.batch_allowed(department_id=organisation.finance.pk)
    assert found.batch_allowed(department_id=organisation.energy.pk)
    assert sorted(changes_of(organisation)) == sorted(
        [
            (PLATFORM.actor, f"tenant:{tenant_id}"),
            (admin.actor, f"department:{organisation.finance.pk}"),
        ]
    )
    assert limits_of(tenant_id=other.tenant.pk).own == NOTHING_SET


@pytest.mark.parametrize(
    ("tenant", "department", "allowed"),
    [
        (None, None, False),
        (True, None, True),
        (False, None, False),
        (True, False, False),
        (None, True, True),
        (False, True, True),
    ],
)
def test_the_department_says_whether_stand_ins_may_answer_else_the_organisation(
    organisation: Organisation, tenant: bool | None, department: bool | None, allowed: bool
) -> None:
    finance = organisation.finance.pk
    limits = TenantLimits(
        organisation.tenant.pk,
        LimitValues(overflow_allowed=tenant),
        {finance: LimitValues(overflow_allowed=department)},
    )
    assert limits.overflow_allowed(department_id=finance) is allowed
    assert limits.overflow_allowed(department_id=None) is bool(tenant)


def test_who_may_not_changes_nothing(organisation: Organisation) -> None:
    admin, key = admin_of(organisation), organisation.key(organisation.finance).principal
    tenant_id = organisation.tenant.pk
    for principal in (admin, key):
        with pytest.raises(Forbidden) as of_tenant, scoped(principal.scope()):
            tenant_limits_set(principal=principal, tenant_id=tenant_id, values=SOME)
        assert of_tenant.value.code == "not_platform_admin"
    for principal in (key, PLATFORM):
        with pytest.raises(Forbidden) as of_department, scoped(principal.scope()):
            department_limits_set(principal=principal, department=organisation.finance, values=SOME)
        assert of_department.value.code == "not_tenant_admin"
    assert limits_of(tenant_id=tenant_id).own == NOTHING_SET
    assert limits_of(tenant_id=tenant_id).departments == {}
    assert changes_of(organisation) == []


@pytest.mark.parametrize(
    ("field", "value"), [("weight", 0), ("weight", 101), ("concurrency", 0), ("requests_per_minute", 2**31)]
)
def test_what_is_out_of_range_is_refused_by_name(organisation: Organisation, field: str, value: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        tenant_limits_set(
            principal=PLATFORM, tenant_id=organisation.tenant.pk, values=replace(SOME, **{field: value})
        )
    assert refused.value.field == field
    assert changes_of(organisation) == []


def test_the_database_keeps_an_administrator_from_the_tenants_own(organisation: Organisation) -> None:
    tenant_id = organisation.tenant.pk
    tenant_limits_set(principal=PLATFORM, tenant_id=tenant_id, values=SOME)
    with scoped(Scope(tenant_id=tenant_id, administers=True)):
        assert UsageLimit.objects.count() == 1
        assert UsageLimit.objects.update(concurrency=None) == 0
        assert UsageLimit.objects.all().delete()[0] == 0
    with scoped(Scope(tenant_id=tenant_id)):
        assert UsageLimit.objects.count() == 0
    assert limits_of(tenant_id=tenant_id).own == SOME


def test_a_department_with_limits_can_be_dissolved(organisation: Organisation) -> None:
    admin = admin_of(organisation)
    with scoped(admin.scope()):
        department_limits_set(principal=admin, department=organisation.energy, values=SOME)
        department_dissolve(principal=admin, department=organisation.energy)
    assert limits_of(tenant_id=organisation.tenant.pk).departments == {}


async def test_a_change_is_heard_within_a_second_and_nothing_is_read_in_between(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = committed_organisation.tenant.pk
    reads: list[UUID] = []
    real = limit_cache._limits_of

    def read(asked: UUID) -> TenantLimits:
        reads.append(asked)
        return real(asked)

    monkeypatch.setattr(limit_cache, "_limits_of", read)
    cache = LimitCache(trusted=lambda: changes.connected)
    changes = Changes(channels={LIMITS: cache.forget})
    listening = asyncio.ensure_future(changes.run())
    async with asyncio.timeout(10):
        while not changes.connected:
            await asyncio.sleep(0.02)
    for _ in range(100):
        assert (await cache.limits(tenant_id=tenant_id)).own == NOTHING_SET
    assert reads == [tenant_id]
    await sync_to_async(_set)(tenant_id)
    async with asyncio.timeout(5):
        while (await cache.limits(tenant_id=tenant_id)).own != SOME:
            await asyncio.sleep(0.02)

    def silent(_asked: UUID) -> TenantLimits:
        raise OperationalError

    monkeypatch.setattr(limit_cache, "_limits_of", silent)
    cache.forget()
    assert (await cache.limits(tenant_id=tenant_id)).own == SOME
    listening.cancel()


def _set(tenant_id: UUID) -> None:
    try:
        tenant_limits_set(principal=PLATFORM, tenant_id=tenant_id, values=SOME)
    finally:
        connection.close()


def test_the_operator_sets_and_shows_the_limits_of_an_organisation(organisation: Organisation) -> None:
    slug, told = organisation.tenant.slug, StringIO()
    call_command(
        "limits", "set", slug, "--requests-per-minute", "60", "--weight", "20", "--no-batch", stdout=told
    )
    assert told.getvalue() == f"{slug}: 60 requests a minute, weight 20, no batch\n"
    found = limits_of(tenant_id=organisation.tenant.pk)
    assert found.own == LimitValues(requests_per_minute=60, weight=20, batch_allowed=False)
    assert changes_of(organisation) == [("system", f"tenant:{organisation.tenant.pk}")]
    call_command("limits", "set", slug, stdout=told)
    assert told.getvalue().splitlines()[-1] == f"{slug}: no limits, weight 10, batch allowed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nobody-of-that-name"), "no organisation"),
        (("set", "{slug}", "--concurrency", "0"), "--concurrency"),
        (("set", "{slug}", "--weight", "101"), "--weight"),
    ],
)
def test_what_the_operator_gets_wrong_is_named(
    organisation: Organisation, arguments: tuple[str, ...], words: str
) -> None:
    given = [argument.format(slug=organisation.tenant.slug) for argument in arguments]
    with pytest.raises(CommandError, match=words):
        call_command("limits", *given)
    assert changes_of(organisation) == []
