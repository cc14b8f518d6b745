"""Knowledge bases: made, changed, deleted."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, not_found
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.embedding import space_for_new_base
from controlplane.documents.models import Document, KnowledgeBase
from controlplane.documents.services.deletion import documents_delete
from controlplane.documents.services.locking import base_lock
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import department_get


def _department(*, principal: Principal, key: str) -> Department:
    """The one the caller may write in; one that the caller cannot even read does not exist for them."""
    department = department_get(tenant_id=principal.tenant, key=key)
    if department.pk not in principal.read_departments:
        raise not_found(kind=_("department"), id=key)
    principal.require_write(department.pk)
    return department


def _name_taken(name: str) -> Conflict:
    return Conflict(
        code="name_taken",
        field="name",
        detail=_("The department already has a knowledge base “%(name)s”.") % {"name": name},
        remedy=_("Choose another name."),
    )


@transaction.atomic
def knowledge_base_create(
    *, principal: Principal, name: str, department: str, secrecy: Secrecy = Secrecy.INTERNAL
) -> KnowledgeBase:
    """`department` is an id or a slug. Raises NotFound, Forbidden, Conflict, Unavailable."""
    owner = _department(principal=principal, key=department)
    principal.require_clearance(secrecy, owner.pk)
    space = space_for_new_base(tenant_id=principal.tenant)
    try:
        with transaction.atomic():
            base = KnowledgeBase.objects.create(
                tenant_id=principal.tenant, name=name, department=owner, secrecy=secrecy, space=space
            )
    except IntegrityError as error:
        raise _name_taken(name) from error
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="knowledge_base.created",
        target=f"knowledge_base:{base.pk}",
        name=name,
        department=owner.slug,
        secrecy=secrecy.slug,
    )
    return base


@transaction.atomic
def knowledge_base_update(
    *, principal: Principal, base: KnowledgeBase, name: str | None = None, secrecy: Secrecy | None = None
) -> None:
    """A change of secrecy reaches every document of the base at once. Raises Forbidden, NotFound, Conflict."""
    principal.require_write(base.department_id)
    base_lock(base=base)
    changes: dict[str, str] = {}
    if name is not None and name != base.name:
        changes["name"] = base.name = name
    if secrecy is not None and secrecy != base.secrecy:
        principal.require_clearance(secrecy, base.department_id)
        base.secrecy = secrecy
        changes["secrecy"] = secrecy.slug
    if not changes:
        return
    try:
        with transaction.atomic():
            base.save(update_fields=["name", "secrecy"])
    except IntegrityError as error:
        raise _name_taken(base.name) from error
    if "secrecy" in changes:
        _spread_secrecy(base)
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="knowledge_base.updated",
        target=f"knowledge_base:{base.pk}",
        **changes,
    )


def _spread_secrecy(base: KnowledgeBase) -> None:
    # Past the caller's own clearance: what they cannot see has to follow too.
    with tenant_scope(base.tenant_id):
        Document.objects.filter(tenant_id=base.tenant_id, knowledge_base=base).update(
            secrecy=Greatest(Coalesce(F("own_secrecy"), base.secrecy), base.secrecy)
        )


@transaction.atomic
def knowledge_base_delete(*, principal: Principal, base: KnowledgeBase) -> None:
    """With every document in it. Raises Forbidden, Conflict when some are beyond the caller's clearance."""
    principal.require_write(base.department_id)
    documents = Document.objects.filter(tenant_id=principal.tenant, knowledge_base=base)
    visible = documents.count()
    with tenant_scope(principal.tenant):
        if documents.count() > visible:
            raise Conflict(
                code="documents_above_clearance",
                detail=_("The knowledge base holds documents above your clearance."),
                remedy=_("Ask somebody with a higher clearance to delete it."),
            )
        _delete(base)
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="knowledge_base.deleted",
        target=f"knowledge_base:{base.pk}",
        name=base.name,
        documents=visible,
    )


def _delete(base: KnowledgeBase) -> None:
    base_id: UUID = base.pk
    documents = Document.objects.filter(knowledge_base_id=base_id)
    documents_delete(tenant_id=base.tenant_id, documents=documents, base=base)
    KnowledgeBase.objects.filter(pk=base_id).delete()
