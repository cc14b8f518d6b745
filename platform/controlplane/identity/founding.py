"""Founding an organisation: the tenant together with the person who will run it."""

from dataclasses import dataclass

from django.db import transaction

from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.services import user_create
from controlplane.tenants.models import Role, Tenant
from controlplane.tenants.services import membership_set, tenant_create


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """`password` and `name` are for somebody who is new to the platform."""

    email: str
    password: str = ""
    name: str = ""


@transaction.atomic
def tenant_found(*, actor: str, slug: str, name: str, first: FirstPerson | None) -> Tenant:
    """The tenant, with `first` as its administrator. Raises Conflict, InvalidInput."""
    tenant, root = tenant_create(actor=actor, slug=slug, name=name)
    if first is None:
        return tenant
    with scoped(Scope(tenant_id=tenant.pk, unrestricted=True, platform=True)):
        user = User.objects.filter(email=first.email.strip().lower()).first() or user_create(
            actor=actor, email=first.email, password=first.password, name=first.name
        )
        membership_set(
            tenant_id=tenant.pk,
            actor=actor,
            user_id=user.pk,
            department=root,
            role=Role.ADMIN,
            clearance=Secrecy.SECRET,
        )
    return tenant
