"""Putting a person into a department, whether or not the platform knows them already."""

from dataclasses import replace

from django.db import transaction

from controlplane.core.scope import current_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.services import user_create
from controlplane.tenants.models import Department, Membership, Role
from controlplane.tenants.services import membership_set


@transaction.atomic
def member_add(
    *,
    principal: Principal,
    email: str,
    name: str,
    password: str,
    department: Department,
    role: Role,
    clearance: Secrecy,
) -> Membership:
    """Make or change the membership; create the person if the address is new.

    An administrator gives no clearance and no role beyond their own. Raises Forbidden, InvalidInput.
    """
    principal.require_write(department.pk)
    principal.require_clearance(clearance)
    email = email.strip().lower()
    with scoped(replace(current_scope(), login_email=email)):
        user = User.objects.filter(email=email).first()
        if user is None:
            user = user_create(email=email, password=password, name=name)
        return membership_set(
            tenant_id=principal.tenant,
            actor=principal.actor,
            user_id=user.pk,
            department=department,
            role=role,
            clearance=clearance,
        )
