"""Founding an organisation: the tenant together with the person who will run it."""

from dataclasses import dataclass

from django.db import transaction

from controlplane.core.problems import fields_named
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.services import person_exists, user_create
from controlplane.tenants.models import Role, Tenant
from controlplane.tenants.services import membership_set, tenant_create

_SENT_AS = {name: f"admin.{name}" for name in ("email", "password", "name")}


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """`password` and `name` are for somebody who is new to the platform; without them an account is adopted."""

    email: str
    password: str = ""
    name: str = ""


@transaction.atomic
def tenant_found(*, actor: str, slug: str, name: str, first: FirstPerson) -> Tenant:
    """The tenant, with `first` as its administrator. Raises Conflict, InvalidInput.

    An account that exists is adopted only when nothing but its address is sent: whoever made it, perhaps in another
    organisation, may know its password, and a password sent along would show that the caller takes it for a new one.
    """
    tenant, root = tenant_create(actor=actor, slug=slug, name=name)
    with scoped(Scope(tenant_id=tenant.pk, unrestricted=True, platform=True)):
        membership_set(
            tenant_id=tenant.pk,
            actor=actor,
            user_id=_administrator(actor, first).pk,
            department=root,
            role=Role.ADMIN,
            clearance=Secrecy.SECRET,
        )
    return tenant


def _administrator(actor: str, first: FirstPerson) -> User:
    with fields_named(**_SENT_AS):
        user = User.objects.filter(email=first.email.strip().lower()).first()
        if user is None:
            return user_create(actor=actor, email=first.email, password=first.password, name=first.name)
        if first.password or first.name:
            raise person_exists(field="password" if first.password else "name")
        return user
