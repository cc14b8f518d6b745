"""The page of models waits for nobody; its parts say what they saw, and no secret."""

from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from controlplane.assistants.departments import DepartmentCounts, department_counts
from controlplane.chat.models import Conversation
from controlplane.console.templatetags.knowledge import status_badge
from controlplane.console.templatetags.organisation import state_badge
from controlplane.console.views import home
from controlplane.console.views import models as views
from controlplane.core.scope import tenant_scope
from controlplane.documents import spaces
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.documents.spaces import space_uses
from controlplane.metering import overview as seen
from controlplane.serving.fleet import Fleet
from controlplane.serving.registry import Registry
from controlplane.serving.selectors import FleetRows, SeenReplica
from controlplane.tenants.models import Department, Role
from inference.client import EngineTimeouts
from inference.endpoints import parse_endpoints
from inference.errors import EngineUnavailable
from inference.fleet import Reason, replica_key
from tests.controlplane.console.pages import askers
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation

SETTING = """[{"name": "deepseek-r1", "url": "http://127.0.0.1:9/v1", "api_key": "hush",
"routes": ["reasoner"], "context_tokens": 65536}]"""


class Counted(Registry):
    asked = 0

    async def _state(self, endpoint: Any, lasting: float = 0.0) -> Any:
        self.asked += 1
        return await super()._state(endpoint, lasting)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Counted:
    timeouts = EngineTimeouts(first_token=1, idle=1, whole=1)
    registry = Counted(endpoints=parse_endpoints(value=SETTING), timeouts=timeouts)
    monkeypatch.setattr(views, "registry", lambda: registry)
    return registry


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise EngineUnavailable("nobody there")

    monkeypatch.setattr(spaces, "served_model", silent)


def test_managers_look_and_administrators_ask(
    organisation: Organisation, other: Organisation, engines: Counted, silence: None
) -> None:
    by = askers(organisation, other)
    for address in ("/models/", "/models/engines", "/models/embedding"):
        assert by.member.get(address).status_code == 403
        assert by.manager.get(address).status_code == 200
    for client in (by.member, by.manager):
        before = engines.asked
        assert client.post("/models/probe").status_code == 403
        assert engines.asked == before
    assert by.department_admin.post("/models/probe").status_code == 200


def test_the_page_asks_nobody(organisation: Organisation, engines: Counted) -> None:
    client = signed_in(organisation.member(organisation.root, Role.MANAGER))
    page = client.get("/models/")
    assert page.status_code == 200
    assert 'hx-get="/models/engines"' in page.text
    assert engines.asked == 0


def test_an_engine_that_is_down_is_told_with_what_to_do_and_without_secrets(
    organisation: Organisation, engines: Counted
) -> None:
    client = signed_in(organisation.member(organisation.root, Role.MANAGER))
    part = client.get("/models/engines", headers={"Accept-Language": "en"}).text
    assert "deepseek-r1" in part
    assert "An engine does not answer." in part
    assert "http://127.0.0.1:9/v1" in part
    assert "hush" not in part
    assert "down since" in part


def test_what_the_watch_sees_is_shown_without_asking(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    seen = SeenReplica("saturated", now, Reason("requests_waiting"), running=9, waiting=4, kv_usage=0.87)
    known = Fleet()
    known.take(
        rows=FleetRows(seen={replica_key(base_url="http://127.0.0.1:9/v1", model="deepseek-r1"): seen})
    )
    registry = Counted(endpoints=parse_endpoints(value=SETTING), timeouts=EngineTimeouts(), fleet=known)
    monkeypatch.setattr(views, "registry", lambda: registry)
    client = signed_in(organisation.member(organisation.root, Role.MANAGER))
    part = client.get("/models/engines", headers={"Accept-Language": "en"}).text
    for text in (">saturated<", "<dd>9</dd>", "<dd>4</dd>", "<dd>87 %</dd>"):
        assert text in part
    assert registry.asked == 0


def test_without_engines_the_page_says_how_to_name_them(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = Registry(endpoints=(), timeouts=EngineTimeouts(first_token=1, idle=1, whole=1))
    monkeypatch.setattr(views, "registry", lambda: empty)
    page = signed_in(organisation.member(organisation.root, Role.MANAGER)).get("/models/").text
    assert "KAREZ_ENGINES" in page
    assert "/models/engines" not in page


def attach_to_nothing(department: Department, space: EmbeddingSpace) -> None:
    """What somebody brought along for a conversation of their own: no base of the organisation."""
    with tenant_scope(department.tenant_id):
        conversation = Conversation.objects.create(tenant_id=department.tenant_id, actor="user:1")
        KnowledgeBase.objects.create(
            tenant_id=department.tenant_id,
            name="files",
            department=department,
            space=space,
            next_space=space,
            owner="user:1",
            conversation=conversation.pk,
        )


def test_a_silent_embedding_service_is_no_error_and_spaces_are_counted(
    organisation: Organisation, other: Organisation, silence: None
) -> None:
    for org, names in ((organisation, ("a", "b")), (other, ("c",))):
        with tenant_scope(org.tenant.pk):
            space = EmbeddingSpace.objects.create(
                tenant=org.tenant, model=f"model-{names[0]}", version="1", dimension=8
            )
            for name in names:
                KnowledgeBase.objects.create(tenant=org.tenant, name=name, department=org.energy, space=space)
            attach_to_nothing(org.energy, space)
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    part = client.get("/models/embedding", headers={"Accept-Language": "en"}).text
    assert "does not answer" in part
    assert "model-a" in part
    assert "model-c" not in part
    assert ">2</td>" in part
    [use] = space_uses(tenant_id=organisation.tenant.pk)
    assert (use.bases, use.filling) == (2, 0)
    counts = department_counts(tenant_id=organisation.tenant.pk)
    assert counts[organisation.energy.pk] == DepartmentCounts(bases=2)


def test_a_state_has_a_beginning_and_is_asked_anew_only_after_a_while(
    organisation: Organisation, engines: Counted
) -> None:
    client = signed_in(organisation.member(organisation.root, Role.ADMIN))
    for _ in range(2):
        assert client.post("/models/probe").status_code == 200
    [(state, since)] = engines._since.values()
    assert state == "down"
    assert since is not None


def test_the_api_probes_for_administrators_only(organisation: Organisation, other: Organisation) -> None:
    by = askers(organisation, other)
    assert by.tenant_admin.post("/api/v1/models/probe").status_code == 200
    by.manager.get(
        "/models/"
    )  # the session is noted as used here: a refusal rolls the test's transaction back
    assert by.manager.post("/api/v1/models/probe").status_code == 403


def test_an_engine_is_ready_in_the_same_words_as_a_document() -> None:
    with override("en"):
        assert state_badge("ready") == '<span class="badge badge--dot badge--good">Ready</span>'
        assert ">Ready</span>" in status_badge("ready")


def test_the_overview_asks_the_engines_after_it_was_shown(
    organisation: Organisation, other: Organisation, engines: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "registry", lambda: engines)
    monkeypatch.setattr(seen, "registry", lambda: engines)
    by = askers(organisation, other)
    assert 'hx-get="/overview/engines"' in by.manager.get("/").text
    assert engines.asked == 0
    assert by.member.get("/overview/engines").status_code == 403
    assert engines.asked == 0
    part = by.manager.get("/overview/engines", headers={"Accept-Language": "en"}).text
    assert engines.asked == 1
    assert "deepseek-r1" in part
    assert "Down" in part
    assert "hx-get" not in part
