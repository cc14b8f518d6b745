"""A base with documents in every state, for the pages that show them."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.test import Client

from controlplane.core.scope import tenant_scope
from controlplane.documents.models import (
    Blob,
    Document,
    DocumentStatus,
    IndexJob,
    JobStatus,
    KnowledgeBase,
    Version,
)
from controlplane.tenants.models import Role
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.knowledge import Text, make_base
from tests.controlplane.organisations import Organisation

HOSTILE = "<img src=x onerror=alert(1)>\"'.txt"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A base of finance with one document that is ready, and its job."""

    organisation: Organisation
    base: UUID
    document: UUID
    job: UUID

    @property
    def tenant_id(self) -> UUID:
        return self.organisation.tenant.pk

    def manager(self) -> Client:
        return signed_in(self.organisation.member(self.organisation.finance, Role.MANAGER))

    def member(self) -> Client:
        return signed_in(self.organisation.member(self.organisation.finance))

    def manager_elsewhere(self) -> Client:
        return signed_in(self.organisation.member(self.organisation.energy, Role.MANAGER))

    def add(self, filename: str, state: DocumentStatus, *, job: JobStatus = JobStatus.QUEUED) -> Document:
        """A document that was never indexed."""
        with tenant_scope(self.tenant_id):
            own = {"tenant_id": self.tenant_id}
            base = KnowledgeBase.objects.get(pk=self.base)
            document = Document.objects.create(
                **own,
                knowledge_base=base,
                department_id=base.department_id,
                secrecy=base.secrecy,
                filename=filename,
                title=filename,
                latest_number=1,
            )
            blob = Blob.objects.create(**own, sha256=uuid4().hex * 2, size=1)
            failed = {"error_code": "no_text"} if state == DocumentStatus.FAILED else {}
            version = Version.objects.create(
                **own, document=document, number=1, blob=blob, format="pdf", status=state, **failed
            )
            IndexJob.objects.create(**own, version=version, space_id=base.space_id, status=job, **failed)
        return document

    def document_names(self) -> set[str]:
        with tenant_scope(self.tenant_id):
            return set(Document.objects.values_list("filename", flat=True))


def make_shelf(organisation: Organisation) -> Shelf:
    text = Text("授信管理办法", "流动资金贷款的期限一般不超过三年。", section="第二章")
    base_id = make_base(department=organisation.finance, name="Rules <b>", texts=[text])
    with tenant_scope(organisation.tenant.pk):
        document = Document.objects.get(knowledge_base=base_id)
        version = Version.objects.get(document=document)
        job = IndexJob.objects.create(
            tenant=organisation.tenant,
            version=version,
            space=KnowledgeBase.objects.get(pk=base_id).space,
            status=JobStatus.DONE,
        )
    return Shelf(organisation, base_id, document.pk, job.pk)
