"""Housekeeping of what expires."""

from typing import Any

from celery import shared_task
from django.core.management import call_command

from controlplane.core.scope import platform_scope
from controlplane.core.tenant_ids import tenant_ids
from controlplane.identity.idempotency import purge


@shared_task(name="identity.purge_idempotency")
def purge_idempotency(**_: Any) -> None:
    """Every hour: answers kept for repetitions that come no more."""
    with platform_scope():
        tenants = tenant_ids()
    for tenant_id in (None, *tenants.values()):
        purge(tenant_id=tenant_id)


@shared_task(name="identity.clear_sessions")
def clear_sessions(**_: Any) -> None:
    """Every day: browser sessions that have run out."""
    call_command("clearsessions")
