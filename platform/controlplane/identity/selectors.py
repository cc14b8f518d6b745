"""Resolving a credential to a principal, and reading keys."""

import hashlib
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Membership, Role
from controlplane.tenants.selectors import department_ids, department_subtree

KEY_MARK = "kz_"
_MEMBER = frozenset({KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ})
_SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.MEMBER: _MEMBER,
    Role.MANAGER: _MEMBER | {KeyScope.DOCUMENTS_WRITE},
    Role.ADMIN: _MEMBER | {KeyScope.DOCUMENTS_WRITE, KeyScope.ADMIN},
}


def key_hash(presented: str) -> str:
    return hashlib.sha256(presented.encode()).hexdigest()


def principal_of_key(*, presented: str) -> Principal | None:
    """None for a key that is unknown, revoked or expired. Opens transactions of its own."""
    if not presented.startswith(KEY_MARK) or len(presented) > 200:
        return None
    digest = key_hash(presented)
    with scoped(Scope(key_hash=digest)):
        key = ApiKey.objects.filter(key_hash=digest).first()
    if key is None or key.revoked_at or (key.expires_at and key.expires_at <= timezone.now()):
        return None
    with scoped(Scope(tenant_id=key.tenant_id)):
        departments = department_subtree(tenant_id=key.tenant_id, roots=[key.department_id])
    scopes = frozenset(key.scopes)
    return Principal(
        actor=f"key:{key.pk}",
        tenant_id=key.tenant_id,
        name=key.name,
        read_departments=departments,
        write_departments=departments if KeyScope.DOCUMENTS_WRITE in scopes else frozenset(),
        is_admin=KeyScope.ADMIN in scopes,
        clearance=Secrecy(key.clearance),
        scopes=scopes,
    )


def principal_of_user(*, user: User, tenant_id: UUID | None = None) -> Principal:
    """The person in the tenant asked for, or in the first one they belong to."""
    with scoped(Scope(user_id=user.pk)):
        memberships = list(Membership.objects.filter(user_id=user.pk).order_by("created_at"))
    tenant_id = tenant_id or (memberships[0].tenant_id if memberships else None)
    own = [m for m in memberships if m.tenant_id == tenant_id]
    if tenant_id is None or not own:
        return Principal(
            actor=f"user:{user.pk}",
            tenant_id=None,
            name=user.name or user.email,
            user_id=user.pk,
            is_platform_admin=user.is_platform_admin,
        )
    return _member(user, tenant_id, own)


def _member(user: User, tenant_id: UUID, own: list[Membership]) -> Principal:
    writing = [m.department_id for m in own if m.role in (Role.MANAGER, Role.ADMIN)]
    is_admin = any(m.role == Role.ADMIN for m in own)
    with scoped(Scope(tenant_id=tenant_id)):
        if is_admin:
            readable = writable = department_ids(tenant_id=tenant_id)
        else:
            readable = department_subtree(tenant_id=tenant_id, roots=[m.department_id for m in own])
            writable = department_subtree(tenant_id=tenant_id, roots=writing)
    return Principal(
        actor=f"user:{user.pk}",
        tenant_id=tenant_id,
        name=user.name or user.email,
        user_id=user.pk,
        read_departments=readable,
        write_departments=writable,
        is_admin=is_admin,
        is_platform_admin=user.is_platform_admin,
        clearance=Secrecy(max(m.clearance for m in own)),
        scopes=frozenset().union(*(_SCOPES_OF_ROLE[m.role] for m in own)),
    )


def api_key_list(*, principal: Principal) -> QuerySet[ApiKey]:
    """The keys of the departments that the principal administers."""
    return ApiKey.objects.filter(
        tenant_id=principal.tenant, department_id__in=principal.read_departments
    ).select_related("department")


def api_key_get(*, principal: Principal, key_id: UUID) -> ApiKey:
    key = api_key_list(principal=principal).filter(pk=key_id).first()
    if key is None:
        raise not_found(kind=_("API key"), id=key_id)
    return key
