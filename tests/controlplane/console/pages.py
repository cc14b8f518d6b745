"""What the tests of pages have in common: who asks, and that a refusal has changed nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey
from controlplane.tenants.models import Department, Membership, Role
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation


@dataclass(frozen=True, slots=True)
class Askers:
    """A browser of each kind of person."""

    member: Client
    manager: Client
    department_admin: Client
    tenant_admin: Client
    elsewhere: Client


def askers(organisation: Organisation, other: Organisation) -> Askers:
    top = Secrecy.SECRET
    return Askers(
        member=signed_in(organisation.member(organisation.root, Role.MEMBER, top)),
        manager=signed_in(organisation.member(organisation.root, Role.MANAGER, top)),
        department_admin=signed_in(organisation.member(organisation.finance, Role.ADMIN, top)),
        tenant_admin=signed_in(organisation.member(organisation.root, Role.ADMIN, top)),
        elsewhere=signed_in(other.member(other.root, Role.ADMIN, top)),
    )


def state(organisation: Organisation) -> list[Any]:
    """Everything that the pages of an organisation change, and what the trail tells."""
    with tenant_scope(organisation.tenant.pk):
        return [
            list(Department.objects.order_by("pk").values_list("pk", "name", "parent_id")),
            list(Membership.objects.order_by("pk").values_list("pk", "user_id", "role", "clearance")),
            list(ApiKey.objects.order_by("pk").values_list("pk", "revoked_at")),
            list(Membership.objects.order_by("pk").values_list("user__is_active", "user__password")),
            event_list(tenant_id=organisation.tenant.pk).count(),
        ]


def refused(organisation: Organisation, ask: Callable[[], Any], *statuses: int) -> None:
    before = state(organisation)
    answer = ask()
    assert answer.status_code in statuses, (answer.status_code, answer.content[:2000])
    assert state(organisation) == before


def queries_of(client: Client, address: str) -> int:
    client.get(address)  # which notes that the session is in use
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def mark_in(page: Any) -> str:
    """The mark of the page's form."""
    found = re.search(r'name="once" value="(\w+)"', page.content.decode())
    assert found is not None
    return found[1]
