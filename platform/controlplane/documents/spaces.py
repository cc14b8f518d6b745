"""The embedding spaces of a tenant, and what uses them."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from controlplane.core.scope import tenant_scope
from controlplane.documents.embedding import makes, served_model
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from inference.embedding.model import EmbeddingModel
from inference.errors import EngineError


@dataclass(frozen=True, slots=True)
class SpaceUse:
    """`bases` are searched in the space, `filling` are being indexed into it."""

    space: EmbeddingSpace
    bases: int
    filling: int


@dataclass(frozen=True, slots=True)
class EmbeddingService:
    """`model` is None while the service does not answer."""

    model: EmbeddingModel | None

    @property
    def configured(self) -> str:
        return str(settings.ENV.embedding_model)

    def makes(self, space: EmbeddingSpace) -> bool:
        return self.model is not None and makes(model=self.model, space=space)


def space_uses(*, tenant_id: UUID) -> list[SpaceUse]:
    """Newest first. Numbers of all bases but the files of conversations, whoever asks. Three queries."""
    with tenant_scope(tenant_id):
        bases = KnowledgeBase.objects.filter(tenant_id=tenant_id, owner="")
        searched = dict(bases.values_list("space_id").annotate(Count("pk")).order_by())
        filling = dict(bases.values_list("next_space_id").annotate(Count("pk")).order_by())
        return [
            SpaceUse(space, searched.get(space.pk, 0), filling.get(space.pk, 0))
            for space in EmbeddingSpace.objects.filter(tenant_id=tenant_id).order_by("-id")
        ]


def embedding_service() -> EmbeddingService:
    """Asks the service, so not within a transaction."""
    try:
        return EmbeddingService(served_model())
    except EngineError:
        return EmbeddingService(None)
