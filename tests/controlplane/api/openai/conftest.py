"""The data plane served over HTTP, with a fake engine behind it and the unmodified openai client before it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import openai
import pytest
import uvicorn
from django.conf import settings

from controlplane.core.joined_writes import JoinedWrites
from controlplane.documents import embedding, search
from controlplane.serving.fleet import fleet
from controlplane.serving.registry import registry
from controlplane.serving.selectors import FleetRows
from tests.controlplane.knowledge import DIMENSION, MODEL, Text, make_assistant, make_base
from tests.controlplane.organisations import Key, Organisation
from tests.fakes.engine import FakeEngine

CREDIT = Text(
    title="授信管理办法",
    text="第十二条 以住宅抵押的，抵押率最高不超过70%；以商业用房抵押的，抵押率最高不超过60%。",
    page=3,
    section="第三章 担保",
)
LAUNDERING = Text(title="反洗钱手册", text="高风险客户每6个月审核一次，中风险客户每一年审核一次。", page=2)
GIFTS = Text(title="员工行为守则", text="员工不得接受客户或者供应商单次价值超过300元的礼品。")


@dataclass(frozen=True, slots=True)
class Served:
    """A running platform: `base_url` without /v1."""

    base_url: str

    def client(self, key: str, **options: object) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"{self.base_url}/v1", api_key=key, max_retries=0, timeout=30, **options
        )


_running: list[Served] = []


@pytest.fixture(scope="session")
def served(django_db_setup: None) -> Iterator[Served]:
    """One server, whoever imports this fixture: the application is made for one event loop."""
    if _running:
        yield _running[0]
        return
    with _serving() as found:
        _running.append(found)
        yield found
        _running.clear()


@contextmanager
def _serving() -> Iterator[Served]:
    from controlplane.asgi import application

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="warning", lifespan="on", http=JoinedWrites
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(base_url=f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(models=("fake-model",)) as running:
        yield running


@pytest.fixture
def embedder() -> Iterator[FakeEngine]:
    with FakeEngine(models=(MODEL,), embedding_dimension=DIMENSION) as running:
        yield running


def configure(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Change the environment that the running process reads."""
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update=changes))
    for cached in (registry, embedding.embedding_client, search._client):
        cached.cache_clear()
    monkeypatch.setattr(search, "_served", search._Served())
    # Between tests nobody may ask the database: that a test before took its models away may not have been read.
    fleet().take(rows=FleetRows())


@pytest.fixture
def platform(
    committed: None, served: Served, engine: FakeEngine, embedder: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Served:
    """The platform with one engine, named by its URL alone, and the embedding service."""
    configure(monkeypatch, engines=engine.base_url, embedding_url=embedder.base_url, embedding_model="use")
    return served


@dataclass(frozen=True, slots=True)
class Bank:
    organisation: Organisation
    base: UUID
    key: Key


@pytest.fixture
def bank(committed_organisation: Organisation) -> Bank:
    """The finance department with three documents and the assistant `finance`."""
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[CREDIT, LAUNDERING, GIFTS])
    make_assistant(department=finance, slug="finance", bases=[base])
    return Bank(committed_organisation, base, committed_organisation.key(finance))
