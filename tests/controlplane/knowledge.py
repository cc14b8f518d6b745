"""Knowledge bases with indexed passages, made without the pipeline of documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import connection

from controlplane.assistants.models import Assistant, AssistantKnowledge
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import (
    Blob,
    Document,
    DocumentStatus,
    EmbeddingSpace,
    KnowledgeBase,
    Passage,
    Version,
)
from controlplane.tenants.models import Department
from rag.index import Entry, PassageIndex, Space
from rag.text import embedded_text, index_terms
from tests.fakes.engine import hashed_embedding

MODEL = "use-multilingual-v3"
DIMENSION = 512


@dataclass(frozen=True, slots=True)
class Text:
    """A document of one passage."""

    title: str
    text: str
    page: int | None = None
    section: str = ""
    secrecy: Secrecy = Secrecy.INTERNAL


def make_base(
    *,
    department: Department,
    name: str,
    texts: Sequence[Text],
    model: str = MODEL,
    dimension: int = DIMENSION,
) -> UUID:
    """A ready knowledge base. Its vectors are those that the fake engine gives."""
    tenant_id = department.tenant_id
    with tenant_scope(tenant_id):
        space, _ = EmbeddingSpace.objects.get_or_create(
            tenant_id=tenant_id, model=model, version="", defaults={"dimension": dimension}
        )
        base = KnowledgeBase.objects.create(
            tenant_id=tenant_id, name=name, department=department, space=space
        )
        for text in texts:
            _add(base, space, text)
    return base.pk


def make_assistant(
    *, department: Department, slug: str, bases: Sequence[UUID], route: str = "chat"
) -> Assistant:
    with tenant_scope(department.tenant_id):
        assistant = Assistant.objects.create(
            tenant_id=department.tenant_id,
            slug=slug,
            name=f"{slug} assistant",
            department=department,
            route=route,
        )
        for base in bases:
            AssistantKnowledge.objects.create(
                tenant_id=department.tenant_id, assistant=assistant, knowledge_base_id=base
            )
    return assistant


def _add(base: KnowledgeBase, space: EmbeddingSpace, text: Text) -> None:
    own = {"tenant_id": base.tenant_id}
    document = Document.objects.create(
        **own,
        knowledge_base=base,
        department_id=base.department_id,
        secrecy=max(base.secrecy, text.secrecy),
        filename=f"{text.title}.txt",
        title=text.title,
        latest_number=1,
    )
    blob, _ = Blob.objects.get_or_create(
        **own, sha256=f"{hash(text.text) & (2**64 - 1):064x}", defaults={"size": 1}
    )
    version = Version.objects.create(
        **own, document=document, number=1, blob=blob, format="txt", status=DocumentStatus.READY, chunks=1
    )
    passage = Passage.objects.create(
        **own,
        document=document,
        version=version,
        ordinal=0,
        text=text.text,
        page=text.page,
        page_end=text.page,
        section=text.section,
    )
    embedded = embedded_text(title=text.title, section=text.section, text=text.text)
    vector = np.array(hashed_embedding(embedded, dimension=space.dimension), dtype=np.float32)
    with connection.cursor() as cursor:
        PassageIndex(cursor=cursor).add(
            tenant_id=base.tenant_id,
            space=Space(id=space.pk, model=space.model, dimension=space.dimension),
            knowledge_base_id=base.pk,
            document_id=document.pk,
            version_id=version.pk,
            entries=[Entry(passage_id=passage.pk, terms=index_terms(text=embedded), vector=vector)],
        )
    document.live_version = version.pk
    document.save(update_fields=["live_version"])
