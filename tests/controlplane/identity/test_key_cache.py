"""Keys in memory: what is believed, until when, and what happens without a database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.utils import timezone

from controlplane.core.changes import CREDENTIALS, Changes
from controlplane.core.problems import Forbidden
from controlplane.core.scope import platform_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity import key_cache
from controlplane.identity.key_cache import KeyCache
from controlplane.identity.models import ApiKey
from controlplane.identity.principal import Principal
from controlplane.identity.services import api_key_create, api_key_revoke
from controlplane.tenants.suspensions import tenant_suspend
from tests.controlplane.organisations import Key, Organisation


@pytest.fixture
def key(committed_organisation: Organisation) -> Key:
    return committed_organisation.key(committed_organisation.finance)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that the database was asked for."""
    asked: list[str] = []
    real = key_cache._read_key

    def read(presented: str) -> Principal | None:
        asked.append(presented)
        return real(presented)

    monkeypatch.setattr(key_cache, "_read_key", read)
    return asked


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[KeyCache, Changes]]:
    changes: Changes
    cache = KeyCache(trusted=lambda: changes.connected)
    changes = Changes(channels={CREDENTIALS: cache.forget})
    task = asyncio.ensure_future(changes.run())
    await eventually(lambda: changes.connected)
    try:
        yield cache, changes
    finally:
        task.cancel()


async def eventually(holds: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_key_is_read_once(key: Key, reads: list[str]) -> None:
    async with listening() as (cache, _changes):
        found = await asyncio.gather(*(cache.principal(presented=key.presented) for _ in range(20)))
        assert {principal and principal.actor for principal in found} == {key.principal.actor}
        assert cache.known(presented=key.presented) == found[0]
        assert reads == [key.presented]


async def test_an_unknown_key_is_read_once(reads: list[str], committed: None) -> None:
    async with listening() as (cache, _changes):
        for _ in range(3):
            assert await cache.principal(presented="kz_nobody") is None
        assert reads == ["kz_nobody"]
        for number in range(1100):
            cache._unknown[f"{number}"] = 0.0
        await cache.principal(presented="kz_another")
        assert len(cache._unknown) == 1000


async def test_a_revoked_key_is_forgotten_within_a_second(
    key: Key, committed_organisation: Organisation
) -> None:
    async with listening() as (cache, _changes):
        assert await cache.principal(presented=key.presented)
        await sync_to_async(_revoke)(committed_organisation, key)
        await eventually(lambda: cache.known(presented=key.presented) is None, within=1.0)
        assert await cache.principal(presented=key.presented) is None


async def test_a_suspended_organisation_is_heard_of(key: Key, committed_organisation: Organisation) -> None:
    async with listening() as (cache, _changes):
        assert await cache.principal(presented=key.presented)
        await sync_to_async(_suspend)(committed_organisation.tenant.pk)
        await eventually(lambda: cache.known(presented=key.presented) is None, within=1.0)
        with pytest.raises(Forbidden) as refused:
            await cache.principal(presented=key.presented)
        assert refused.value.code == "tenant_suspended"


async def test_the_use_of_a_key_is_no_change_of_it(key: Key) -> None:
    async with listening() as (cache, _changes):
        assert await cache.principal(presented=key.presented)
        await sync_to_async(_use)(key)
        await asyncio.sleep(0.3)
        assert cache.known(presented=key.presented)


async def test_a_key_that_expires_is_not_known_any_more(committed_organisation: Organisation) -> None:
    presented = await sync_to_async(_expiring)(committed_organisation, 0.5)
    async with listening() as (cache, _changes):
        assert await cache.principal(presented=presented)
        await eventually(lambda: cache.known(presented=presented) is None, within=1.0)
        assert await cache.principal(presented=presented) is None


async def test_who_hears_of_no_changes_reads_every_time(key: Key, reads: list[str]) -> None:
    cache = KeyCache(trusted=lambda: False)
    for _ in range(3):
        assert await cache.principal(presented=key.presented)
    assert len(reads) == 3


async def test_without_a_database_what_was_good_goes_on(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = KeyCache(trusted=lambda: False)
    before = await cache.principal(presented=key.presented)

    def gone(_presented: str) -> None:
        raise OperationalError

    monkeypatch.setattr(key_cache, "_read_key", gone)
    assert await cache.principal(presented=key.presented) == before
    with pytest.raises(OperationalError):
        await cache.principal(presented="kz_new")
    monkeypatch.setattr(key_cache, "STALE_SECONDS", 0.0)
    with pytest.raises(OperationalError):
        await cache.principal(presented=key.presented)


async def test_a_change_during_the_reading_is_not_missed(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as (cache, _changes):
        real = key_cache._read_key

        def read(presented: str) -> Principal | None:
            found = real(presented)
            cache.forget()
            return found

        monkeypatch.setattr(key_cache, "_read_key", read)
        await cache.principal(presented=key.presented)
        assert cache.known(presented=key.presented) is None


async def test_a_broken_connection_is_made_anew_and_what_was_read_is_doubted(key: Key) -> None:
    async with listening() as (cache, changes):
        assert await cache.principal(presented=key.presented)
        await sync_to_async(_end_listeners)()
        await eventually(lambda: not changes.connected, within=2.0)
        assert cache.known(presented=key.presented) is None
        await eventually(lambda: changes.connected)
        assert await cache.principal(presented=key.presented)
        assert cache.known(presented=key.presented)


def _revoke(organisation: Organisation, key: Key) -> None:
    maker = organisation.system()
    with scoped(maker.scope()):
        row = ApiKey.objects.get(pk=key.principal.actor.removeprefix("key:"))
        api_key_revoke(principal=maker, key=row)


def _suspend(tenant_id: UUID) -> None:
    with platform_scope():
        tenant_suspend(actor="system", tenant_id=tenant_id, reason="unpaid")


def _use(key: Key) -> None:
    with scoped(key.principal.scope()):
        ApiKey.objects.filter(pk=key.principal.actor.removeprefix("key:")).update(last_used_at=timezone.now())


def _expiring(organisation: Organisation, seconds: float) -> str:
    maker = organisation.system()
    with scoped(maker.scope()):
        _row, presented = api_key_create(
            principal=maker,
            department=organisation.finance,
            name="brief",
            scopes=["chat"],
            clearance=Secrecy.PUBLIC,
            expires_at=timezone.now() + timedelta(seconds=seconds),
        )
    return presented


def _end_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' OR query = 'SELECT 1'"
        )
