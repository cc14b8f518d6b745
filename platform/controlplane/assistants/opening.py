"""Opening a department for questions: the department with its knowledge base and its assistant."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from controlplane.assistants.models import Assistant
from controlplane.assistants.services import AssistantContent, assistant_create
from controlplane.core.problems import fields_named
from controlplane.core.scope import scoped
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.services.knowledge_bases import knowledge_base_create
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_now
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import department_root
from controlplane.tenants.services import department_create


@dataclass(frozen=True, slots=True)
class OpenedDepartment:
    department: Department
    base: KnowledgeBase
    assistant: Assistant


@transaction.atomic
def department_open(
    *, principal: Principal, name: str, slug: str, base_name: str, secrecy: Secrecy = Secrecy.INTERNAL
) -> OpenedDepartment:
    """Below the root. The assistant carries the department's slug and name.

    Raises Forbidden, Conflict naming `slug`, InvalidInput, and Unavailable when the embedding service has never answered.
    """
    tenant_id = principal.tenant
    root = department_root(tenant_id=tenant_id)
    principal.require_admin(root.pk)
    department = department_create(
        tenant_id=tenant_id, actor=principal.actor, slug=slug, name=name, parent=root
    )
    widened = principal_now(principal=principal)  # to the new department
    with scoped(widened.scope()):
        with fields_named(name="base_name"):
            base = knowledge_base_create(principal=widened, name=base_name, department=slug, secrecy=secrecy)
        assistant = assistant_create(
            principal=widened,
            slug=slug,
            department=department,
            content=AssistantContent(
                name=name, greeting=_("Ask me about the documents of %(department)s.") % {"department": name}
            ),
            knowledge_bases=[base.pk],
        )
    return OpenedDepartment(department=department, base=base, assistant=assistant)
