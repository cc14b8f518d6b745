"""Resolving a credential to a principal, and reading keys."""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.selectors import event_list
from controlplane.core.problems import Forbidden, not_found
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import MEMBER_SCOPES, Principal
from controlplane.tenants.models import Department, Membership, Role, Tenant
from controlplane.tenants.selectors import department_get, department_tree, membership_get
from controlplane.tenants.suspensions import suspension_of

KEY_MARK = "kz_"
SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.MEMBER: MEMBER_SCOPES,
    Role.MANAGER: MEMBER_SCOPES | {KeyScope.DOCUMENTS_WRITE},
    Role.ADMIN: MEMBER_SCOPES | {KeyScope.DOCUMENTS_WRITE, KeyScope.ADMIN},
}


def key_hash(presented: str) -> str:
    return hashlib.sha256(presented.encode()).hexdigest()


def principal_of_key(*, presented: str) -> Principal | None:
    """None for a key that is unknown, revoked or expired. Raises Forbidden for one of a suspended organisation.

    Opens transactions of its own.
    """
    if not presented.startswith(KEY_MARK) or len(presented) > 200:
        return None
    digest = key_hash(presented)
    with scoped(Scope(key_hash=digest)):
        key = ApiKey.objects.filter(key_hash=digest).first()
    if key is None or key.revoked_at or (key.expires_at and key.expires_at <= timezone.now()):
        return None
    return _of_key(key)


def _of_key(key: ApiKey) -> Principal:
    with scoped(Scope(tenant_id=key.tenant_id)):
        tree = department_tree(tenant_id=key.tenant_id)
        suspension = suspension_of(tenant_id=key.tenant_id) if tree.is_suspended else None
    if suspension is not None:
        raise suspension.without_reason().problem()
    departments = tree.subtree([key.department_id])
    scopes = frozenset(key.scopes)
    administers = KeyScope.ADMIN in scopes
    return Principal(
        actor=f"key:{key.pk}",
        tenant_id=key.tenant_id,
        name=key.name,
        department_id=key.department_id,
        clearances=dict.fromkeys(departments, Secrecy(key.clearance)),
        belongs=tree.line([key.department_id]),
        write_departments=departments if KeyScope.DOCUMENTS_WRITE in scopes else frozenset(),
        admin_departments=departments if administers else frozenset(),
        is_admin=administers and key.department_id == tree.root,
        scopes=scopes,
        expires_at=key.expires_at,
        key_last_used_at=key.last_used_at,
    )


def person_of_credential(*, user_id: UUID) -> User | None:
    """The person whom a credential names; None for an account that was ended. Opens a transaction of its own."""
    with scoped(Scope(user_id=user_id)):
        return User.objects.filter(pk=user_id, is_active=True).first()


def principal_of_user(*, user: User, tenant_id: UUID | None = None) -> Principal:
    """The person in the tenant asked for, or in the first one they belong to.

    With `suspension`, and without any right there, where that one is suspended: nobody is moved on to another organisation
    without having chosen it.
    """
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


def tenants_of(*, user: User) -> list[UUID]:
    """In one order, whoever asks."""
    with scoped(Scope(user_id=user.pk)):
        rows = Membership.objects.filter(user_id=user.pk).order_by("tenant_id")
        return list(rows.values_list("tenant_id", flat=True).distinct())


def own_tenants(*, user_id: UUID | None) -> list[Tenant]:
    """Those that the person belongs to, by name."""
    if user_id is None:
        return []
    with scoped(Scope(user_id=user_id)):
        own = Membership.objects.filter(user_id=user_id).values("tenant_id")
        return list(Tenant.objects.filter(pk__in=own).order_by("name", "slug"))


def _member(user: User, tenant_id: UUID, own: list[Membership]) -> Principal:
    clearances: dict[UUID, Secrecy] = {}
    writable: set[UUID] = set()
    administered: set[UUID] = set()
    with scoped(Scope(tenant_id=tenant_id)):
        tree = department_tree(tenant_id=tenant_id)
        suspension = suspension_of(tenant_id=tenant_id) if tree.is_suspended else None
    for membership in own:
        beneath = tree.subtree([membership.department_id])
        for department_id in beneath:
            known = clearances.get(department_id, Secrecy.PUBLIC)
            clearances[department_id] = max(known, Secrecy(membership.clearance))
        if membership.role in (Role.MANAGER, Role.ADMIN):
            writable |= beneath
        if membership.role == Role.ADMIN:
            administered |= beneath
    member = Principal(
        actor=f"user:{user.pk}",
        tenant_id=tenant_id,
        name=user.name or user.email,
        user_id=user.pk,
        clearances=clearances,
        belongs=tree.line(m.department_id for m in own),
        write_departments=frozenset(writable),
        admin_departments=frozenset(administered),
        is_admin=tree.root in administered,
        is_platform_admin=user.is_platform_admin,
        scopes=frozenset().union(*(SCOPES_OF_ROLE[m.role] for m in own)),
    )
    return member.suspended(suspension) if suspension else member


def principal_now(*, principal: Principal) -> Principal:
    """What the principal holds at this moment, for a service that has waited for a lock. Raises Forbidden."""
    if principal.user_id is not None:
        user = person_of_credential(user_id=principal.user_id)
        if user is not None:
            now = principal_of_user(user=user, tenant_id=principal.tenant_id)
            if now.suspension is not None:
                raise now.suspension.problem()
            return now.lent() if principal.by_token else now
    elif principal.is_key:
        key = ApiKey.objects.filter(pk=principal.actor.removeprefix("key:"), revoked_at=None).first()
        if key is not None:
            return _of_key(key)
    else:  # the platform's own work
        return principal
    raise credential_ended()


def credential_ended() -> Forbidden:
    return Forbidden(
        code="credential_ended",
        detail=_("The account or the key was ended meanwhile."),
        remedy=_("Sign in again, or use another key."),
    )


def member_get(*, principal: Principal, membership_id: UUID) -> Membership:
    """In a department that the principal administers. Raises NotFound, also for one that exists elsewhere."""
    membership = membership_get(tenant_id=principal.tenant, membership_id=membership_id)
    if membership.department_id not in principal.admin_departments:
        raise not_found(kind=_("membership"), id=membership_id)
    return membership


def visible_department(*, principal: Principal, key: str) -> Department:
    """By id or slug, among those the principal reads. Raises NotFound, also for one that exists elsewhere."""
    department = department_get(tenant_id=principal.tenant, key=key)
    if department.pk not in principal.read_departments:
        raise not_found(kind=_("department"), id=key)
    return department


def was_member(*, tenant_id: UUID, user_id: UUID) -> bool:
    """By the tenant's own trail, which nobody edits."""
    target = f"user:{user_id}"
    return event_list(tenant_id=tenant_id, action="membership.created", target=target).exists()


def keys_made_by(*, tenant_id: UUID, key_ids: Iterable[UUID]) -> set[UUID]:
    """The keys, those that they made, those that these made, and so on."""
    found: set[UUID] = set()
    pending = set(key_ids)
    while pending:
        found |= pending
        makers = [f"key:{id_}" for id_ in pending]
        made = ApiKey.objects.filter(tenant_id=tenant_id, created_by__in=makers).values_list("pk", flat=True)
        pending = set(made) - found
    return found


def exceeding_keys(*, tenant_id: UUID, user_id: UUID) -> list[UUID]:
    """The keys that the person made and could not make any more."""
    with scoped(Scope(user_id=user_id)):
        user = User.objects.get(pk=user_id)
    holds = principal_of_user(user=user, tenant_id=tenant_id)
    keys = ApiKey.objects.filter(tenant_id=tenant_id, created_by=f"user:{user_id}", revoked_at=None)
    return [
        key.pk
        for key in keys
        if key.department_id not in holds.admin_departments
        or not holds.scopes.issuperset(key.scopes)
        or key.clearance > holds.clearances[key.department_id]
    ]


def api_key_list(*, principal: Principal, state: str = "") -> QuerySet[ApiKey]:
    """The keys of the departments that the principal administers. `state`: active, expired, revoked, or all of them."""
    keys = ApiKey.objects.filter(
        tenant_id=principal.tenant, department_id__in=principal.admin_departments
    ).select_related("department")
    now = timezone.now()
    match state:
        case "active":
            return keys.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
        case "expired":
            return keys.filter(expires_at__lte=now, revoked_at=None)
        case "revoked":
            return keys.exclude(revoked_at=None)
    return keys


def api_key_get(*, principal: Principal, key_id: UUID) -> ApiKey:
    key = api_key_list(principal=principal).filter(pk=key_id).first()
    if key is None:
        raise not_found(kind=_("API key"), id=key_id)
    return key
