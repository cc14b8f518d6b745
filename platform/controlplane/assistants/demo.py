"""The demonstration tenant: an organisation with one department, assistant and API key for every industry pack.

Loading is repeatable: what is there already stays, what is missing or failed is made again.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.core.files import File
from django.db import transaction

from controlplane.assistants.models import Assistant
from controlplane.assistants.packs import Pack, PackDocument, load_pack, pack_slugs
from controlplane.assistants.services import AssistantContent, assistant_create
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.failures import Failure, failure
from controlplane.documents.models import DocumentStatus, KnowledgeBase, Version
from controlplane.documents.services.documents import Upload, document_upload
from controlplane.documents.services.knowledge_bases import knowledge_base_create
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_key, principal_of_user
from controlplane.identity.services import api_key_create, api_key_revoke, password_reset, user_create
from controlplane.tenants.models import Department, Role, Tenant
from controlplane.tenants.services import department_create, membership_set, tenant_create

SLUG = "demo"
NAME = "渠源示范集团 · Quyuan Demonstration Group"
ADMIN_EMAIL = "admin@demo.example"
ACTOR = "system"
KEY_NAME = "demonstration"
# A key of a department does the department's work; who belongs where stays with the administrator.
KEY_SCOPES = (KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ, KeyScope.DOCUMENTS_WRITE)
OPEN = (DocumentStatus.QUEUED, DocumentStatus.PARSING, DocumentStatus.EMBEDDING)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `var/access.json` keeps: the administrator's password, and each department's key by slug."""

    password: str
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class Indexing:
    """How far the documents of the demonstration are. `failed` holds the title of each, and what went wrong."""

    ready: int
    total: int
    failed: tuple[tuple[str, Failure], ...]

    @property
    def finished(self) -> bool:
        return self.ready + len(self.failed) == self.total


def demo_load(*, known: Credentials | None) -> tuple[UUID, Credentials]:
    """Make what is missing; the documents are then on their way into the index. Returns the tenant and its credentials.

    `known`: the credentials of an earlier load, kept where they still work.
    """
    tenant, root = _tenant()
    password = _administrator(tenant, root, known.password if known else "")
    with scoped(Scope(login_email=ADMIN_EMAIL)):
        admin = User.objects.get(email=ADMIN_EMAIL)
    principal = principal_of_user(user=admin, tenant_id=tenant.pk)
    keys = {}
    for slug in pack_slugs():
        pack = load_pack(slug=slug)
        department = _department(tenant.pk, root, pack)
        principal = principal_of_user(user=admin, tenant_id=tenant.pk)  # now with the new department
        _pack(principal, department, pack)
        keys[slug] = _key(principal, department, known.keys.get(slug, "") if known else "")
    return tenant.pk, Credentials(password=password, keys=keys)


def demo_is_suspended() -> bool:
    with platform_scope():
        return Tenant.objects.filter(slug=SLUG).exclude(suspended_at=None).exists()


def demo_indexing(*, tenant_id: UUID) -> Indexing:
    """Of the packs' own documents: what people put beside them is none of a start's business."""
    with tenant_scope(tenant_id):
        rows = list(
            Version.objects.filter(tenant_id=tenant_id, blob__sha256__in=_contents())
            .order_by("document_id", "-number")
            .distinct("document_id")
            .values_list("document__title", "status", "error_code", "error_params")
        )
    failed = tuple(
        (title, failure(code=code or status, params=params))
        for title, status, code, params in rows
        if status not in (*OPEN, DocumentStatus.READY)
    )
    return Indexing(
        ready=sum(status == DocumentStatus.READY for _title, status, *_error in rows),
        total=len(rows),
        failed=failed,
    )


def _tenant() -> tuple[Tenant, Department]:
    with platform_scope():
        tenant = Tenant.objects.filter(slug=SLUG).first()
    if tenant is None:
        return tenant_create(actor=ACTOR, slug=SLUG, name=NAME)
    with tenant_scope(tenant.pk):
        return tenant, Department.objects.get(tenant_id=tenant.pk, parent=None)


@transaction.atomic
def _administrator(tenant: Tenant, root: Department, known: str) -> str:
    """The password of the administrator of the platform and of this tenant."""
    with scoped(Scope(login_email=ADMIN_EMAIL, platform=True)):
        user = User.objects.filter(email=ADMIN_EMAIL).first()
        if user and known and user.check_password(known):
            return known
        password = secrets.token_urlsafe(15)
        if user:
            password_reset(actor=ACTOR, user=user, password=password)
        else:
            user = user_create(
                actor=ACTOR,
                email=ADMIN_EMAIL,
                password=password,
                name="Administrator",
                is_platform_admin=True,
            )
    with tenant_scope(tenant.pk):
        membership_set(
            tenant_id=tenant.pk,
            actor=ACTOR,
            user_id=user.pk,
            department=root,
            role=Role.ADMIN,
            clearance=Secrecy.SECRET,
        )
    return password


def _department(tenant_id: UUID, root: Department, pack: Pack) -> Department:
    with tenant_scope(tenant_id):
        found = Department.objects.filter(tenant_id=tenant_id, slug=pack.slug).first()
        return found or department_create(
            tenant_id=tenant_id, actor=ACTOR, slug=pack.slug, name=pack.department, parent=root
        )


def _pack(principal: Principal, department: Department, pack: Pack) -> None:
    with scoped(principal.scope()):
        base = KnowledgeBase.objects.filter(
            tenant_id=principal.tenant, department=department, name=pack.knowledge_base
        ).first() or knowledge_base_create(
            principal=principal, name=pack.knowledge_base, department=pack.slug, secrecy=pack.secrecy
        )
        if not Assistant.objects.filter(tenant_id=principal.tenant, slug=pack.slug).exists():
            content = AssistantContent(
                name=pack.assistant_name, greeting=pack.greeting, opening_questions=pack.opening_questions
            )
            assistant_create(
                principal=principal,
                slug=pack.slug,
                department=department,
                content=content,
                knowledge_bases=[base.pk],
            )
    for document in _missing(principal, base, pack):
        _upload(principal, base, document)


def _missing(principal: Principal, base: KnowledgeBase, pack: Pack) -> Iterator[PackDocument]:
    """The documents that the base doesn't have, in the state that an upload leaves them in."""
    with scoped(principal.scope()):
        there = set(
            Version.objects.filter(tenant_id=principal.tenant, document__knowledge_base=base)
            .exclude(status__in=[DocumentStatus.FAILED, DocumentStatus.CANCELLED])
            .values_list("blob__sha256", flat=True)
        )
    return (document for document in pack.documents if _sha256(document) not in there)


@cache
def _contents() -> frozenset[str]:
    packs = (load_pack(slug=slug) for slug in pack_slugs())
    return frozenset(_sha256(document) for pack in packs for document in pack.documents)


def _sha256(document: PackDocument) -> str:
    return hashlib.sha256(document.path.read_bytes()).hexdigest()


def _upload(principal: Principal, base: KnowledgeBase, document: PackDocument) -> None:
    with scoped(principal.scope()), document.path.open("rb") as opened:
        upload = Upload(
            filename=document.filename,
            file=File(opened),
            size=document.path.stat().st_size,
            sha256=_sha256(document),
        )
        document_upload(principal=principal, base=base, upload=upload, secrecy=document.secrecy)


def _key(principal: Principal, department: Department, known: str) -> str:
    if known and principal_of_key(presented=known):
        return known
    with scoped(principal.scope()):
        for lost in ApiKey.objects.filter(
            tenant_id=principal.tenant, department=department, name=KEY_NAME, revoked_at=None
        ):
            api_key_revoke(principal=principal, key=lost)
        _row, presented = api_key_create(
            principal=principal,
            department=department,
            name=KEY_NAME,
            scopes=KEY_SCOPES,
            clearance=Secrecy.INTERNAL,
        )
    return presented
