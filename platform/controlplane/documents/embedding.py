"""The embedding service that vectors come from, and the name under which its vectors are kept."""

from functools import cache
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Unavailable
from controlplane.documents.models import EmbeddingSpace
from inference.embedding.client import EmbeddingClient
from inference.embedding.model import EmbeddingModel, known_model
from inference.errors import EngineError

# The bundled models by the short names of KAREZ_EMBEDDING_MODEL.
_BUNDLED = {"use": "use-multilingual-v3", "e5": "multilingual-e5-small-q4"}
_RETRY_SECONDS = 10


@cache
def embedding_client() -> EmbeddingClient:
    """This process's client of the configured service. Its methods raise the `EngineError` family."""
    env = settings.ENV
    name = _BUNDLED.get(env.embedding_model, env.embedding_model)
    try:
        model = known_model(name=name)
    except KeyError as error:
        raise ImproperlyConfigured(f"KAREZ_EMBEDDING_MODEL: {error.args[0]}") from error
    return EmbeddingClient(
        base_url=env.embedding_url, model=model, api_key=env.embedding_api_key.get_secret_value()
    )


def served_model() -> EmbeddingModel:
    """The model that the service runs now, with its version. Raises the `EngineError` family."""
    return embedding_client().describe()


def makes(*, model: EmbeddingModel, space: EmbeddingSpace) -> bool:
    """Whether the model's vectors belong into the space."""
    return (model.name, model.version, model.dimension) == (space.model, space.version, space.dimension)


def served_space(*, tenant_id: UUID) -> EmbeddingSpace:
    """The tenant's space of the model that is served now, made if need be. Raises Unavailable."""
    try:
        model = served_model()
    except EngineError as error:
        raise Unavailable(
            code="embedding_unavailable",
            detail=_("The embedding service does not answer."),
            remedy=_("Try again in a moment; ask the operator to check the embedding service."),
            retry_after=_RETRY_SECONDS,
        ) from error
    space, _created = EmbeddingSpace.objects.get_or_create(
        tenant_id=tenant_id,
        model=model.name,
        version=model.version,
        defaults={"dimension": model.dimension},
    )
    return space


def space_for_new_base(*, tenant_id: UUID) -> EmbeddingSpace:
    """As `served_space`; while the service is down, the space the tenant used last, so that work can go on."""
    try:
        return served_space(tenant_id=tenant_id)
    except Unavailable:
        latest = EmbeddingSpace.objects.filter(tenant_id=tenant_id).order_by("-id").first()
        if latest is None:
            raise
        return latest
