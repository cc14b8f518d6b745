"""Base of every model that a tenant owns."""

from datetime import datetime
from uuid import UUID

import uuid_utils.compat
from django.db import models


def new_id() -> UUID:
    """A version 7 UUID: ordered by time, so that lists page by id and index pages fill in order."""
    return uuid_utils.compat.uuid7()


def first_id(*, at: datetime) -> UUID:
    """Before every id that is made from that moment on, and after all made before it, as far as the clocks agree.

    Of a moment before 1970 the first there is.
    """
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


class TenantModel(models.Model):
    """A row that belongs to one tenant. Its migration must call `core.rls.isolate`; a test reads the catalogue and insists."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
