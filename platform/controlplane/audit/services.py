"""Writing the trail."""

import json
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.search import EventQuery
from controlplane.core.scope import current_scope, scoped


class AuditOutsideTransaction(RuntimeError):
    """An event must be in the same transaction as what it tells of."""


def record(*, tenant_id: UUID, actor: str, action: str, target: str = "", **data: Any) -> None:
    """Append an event to the tenant's chain in the running transaction.

    `actor` is `user:<id>`, `key:<id>` or `system`; `action` is `<entity>.<verb in the past>`; `target` is `<entity>:<id>`.
    `data` must be JSON and must hold no secret. Call it last in a service: it holds the head of the tenant's chain until
    the commit. Raises AuditOutsideTransaction.
    """
    if not connection.in_atomic_block:
        raise AuditOutsideTransaction(action)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditevent (tenant_id, actor, action, target, data) "
            "VALUES (%s, %s, %s, %s, %s::jsonb)",
            [tenant_id, actor, action, target, _json(data)],
        )


def record_of_platform(*, actor: str, action: str, target: str = "", **data: Any) -> None:
    """The same in the platform's own chain: what concerns people who belong to no tenant, and its administrators."""
    scope = replace(current_scope(), tenant_id=PLATFORM_CHAIN, unrestricted=actor == "system")
    with scoped(scope):
        record(tenant_id=PLATFORM_CHAIN, actor=actor, action=action, target=target, **data)


def export_note(*, actor: str, tenant_id: UUID, query: EventQuery) -> None:
    """That the trail was taken out of the platform, and which part."""
    write = record_of_platform if tenant_id == PLATFORM_CHAIN else partial(record, tenant_id=tenant_id)
    with transaction.atomic():
        write(actor=actor, action="audit.exported", target=f"tenant:{tenant_id}", search=query.described())


def _json(data: dict[str, Any]) -> str:
    return json.dumps(_storable(data), ensure_ascii=False, default=str)


def _storable(value: Any) -> Any:
    """PostgreSQL's text has no NUL and no lone surrogate; what a hostile file is called may have both."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(k): _storable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(v) for v in value]
    return value
