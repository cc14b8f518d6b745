"""A knowledge base to upload into, an embedding service that answers at once, and somebody who does the jobs."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from controlplane.documents.embedding import embedding_client
from deploy.embedded.testing import Servers
from tests.controlplane.documents.library import Library, make_library
from tests.controlplane.organisations import Organisation
from tests.fakes.engine import FakeEngine

MODEL = "use-multilingual-v3"
DIMENSION = 512


@pytest.fixture(scope="session")
def fake_embeddings() -> Iterator[FakeEngine]:
    with FakeEngine(models=(MODEL,), embedding_dimension=DIMENSION) as engine:
        yield engine


@pytest.fixture
def embeddings(fake_embeddings: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The service that the platform is configured with."""
    fake_embeddings.embedding_failures = []
    fake_embeddings.models = (MODEL,)
    monkeypatch.setattr(settings.ENV, "embedding_url", fake_embeddings.base_url)
    embedding_client.cache_clear()
    yield fake_embeddings
    embedding_client().close()
    embedding_client.cache_clear()


@pytest.fixture
def library(committed_organisation: Organisation, embeddings: FakeEngine, valkey_server: Servers) -> Library:
    """The knowledge base of finance, and a key of finance to change it with."""
    return make_library(committed_organisation)
