"""Every address that names an object, with an object that is there: what the wrong caller gets, and that nothing changes.

The routes are read from the URL configuration: one that no object is made for fails here from its first day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.urls import resolve
from django.utils import timezone
from psycopg import sql
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from controlplane.assistants.models import AssistantVersion
from controlplane.chat.models import Conversation, Feedback, Message, MessageRole, MessageStatus, Rating
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Blob, Document, IndexJob, KnowledgeBase, Version
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import DepartmentLogo, Membership
from tests.controlplane.api.test_every_endpoint import ALL, METHODS
from tests.controlplane.core import catalogue
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.organisations import Key, Organisation, make_organisation, platform_admin
from tests.controlplane.serving.fleets import forget_everything, register
from tests.rag.parsing.makers import pdf_of

# The platform's own, with nobody's department: tests/controlplane/serving says who reads and writes them.
TESTED_ELSEWHERE = ("api/v1/price-books/",)
ROUTES = sorted(path for path in set(ALL) if "<" in path and not path.startswith(TESTED_ELSEWHERE))
BODIES: dict[tuple[str, str], Any] = {
    ("departments", "PATCH"): {"parent": "root"},
    ("members", "PATCH"): {"clearance": "public"},
    ("people", "PATCH"): {"active": False},
    ("tenants", "PATCH"): {"name": "renamed"},
    ("knowledge-bases", "PATCH"): {"name": "renamed"},
    ("documents", "PATCH"): {"title": "renamed"},
    ("assistants", "PUT"): {"name": "renamed", "knowledge_bases": []},
    ("assistants", "PATCH"): {"enabled": False},
    ("conversations", "PATCH"): {"title": "renamed"},
    ("messages", "PUT"): {"rating": "down", "reasons": ["wrong"]},
    ("feedback", "PATCH"): {"status": "resolved", "note": "done"},
    ("deployments", "PATCH"): {"description": "renamed"},
    ("deployments", "POST"): {"base_url": "http://127.0.0.1:9/another"},
    ("replicas", "PATCH"): {"capacity": 7},
}
# The platform's: whoever is not of it is refused before the object is looked for.
OF_THE_PLATFORM = ("deployments", "replicas", "price-books")
REGISTRY = ("serving_modeldeployment", "serving_replica")


@dataclass(frozen=True, slots=True)
class World:
    """One object of each kind, all of finance."""

    organisation: Organisation
    owner: Key
    objects: dict[str, str]

    def address(self, route: str) -> str:
        kind = kind_of(route)
        before, _, rest = route.partition("<")
        rest = rest.partition(">")[2]
        for name, value in (("<int:number>", "1"), ("<uuid:document_id>", self.objects["documents"])):
            rest = rest.replace(name, value)
        nothing = (
            str(uuid4()) if kind in OF_THE_PLATFORM else ""
        )  # but in `worlds`, which takes it away again
        return f"/{before}{self.objects.get(kind, nothing) or self.objects[kind]}{rest}"


def kind_of(route: str) -> str:
    return route.removeprefix("api/v1/").partition("/")[0]


def make_world() -> World:
    organisation = make_organisation()
    own = {"tenant": organisation.tenant}
    owner = organisation.key(organisation.finance, *KeyScope.values, clearance=Secrecy.SECRET)
    base = make_base(department=organisation.finance, name="rules", texts=[Text("授信管理办法", "第十二条")])
    assistant = make_assistant(
        department=organisation.finance, slug=f"credit-{uuid4().hex[:8]}", bases=[base]
    )
    person = organisation.member(organisation.lending)
    with tenant_scope(organisation.tenant.pk):
        AssistantVersion.objects.create(
            **own, assistant=assistant, number=1, content={"name": assistant.name}, actor="system"
        )
        DepartmentLogo.objects.create(**own, department=organisation.finance, png=b"png", sha256="0" * 64)
        document = Document.objects.get(knowledge_base=base)
        path = storages["documents"].save(f"{document.pk}", ContentFile(pdf_of("text")))
        Version.objects.filter(document=document).update(format="pdf")
        Blob.objects.filter(versions__document=document).update(path=path)
        job = IndexJob.objects.create(
            **own,
            version=Version.objects.get(document=document),
            space=KnowledgeBase.objects.get(pk=base).space,
        )
        conversation = Conversation.objects.create(
            **own, actor=owner.principal.actor, assistant=assistant, department=organisation.finance
        )
        answer = Message.objects.create(
            **own, conversation=conversation, role=MessageRole.ANSWER, status=MessageStatus.ANSWERED
        )
        feedback = Feedback.objects.create(
            **own,
            message=answer,
            conversation=conversation,
            department=organisation.finance,
            actor=owner.principal.actor,
            rating=Rating.UP,
            updated_at=timezone.now(),
        )
        membership = Membership.objects.get(user=person)
    return World(
        organisation,
        owner,
        {
            "departments": str(organisation.lending.pk),
            "members": str(membership.pk),
            "people": str(person.pk),
            "tenants": str(organisation.tenant.pk),
            "api-keys": owner.principal.actor.removeprefix("key:"),
            "knowledge-bases": str(base),
            "documents": str(document.pk),
            "jobs": str(job.pk),
            "assistants": assistant.slug,
            "conversations": str(conversation.pk),
            "messages": str(answer.pk),
            "feedback": str(feedback.pk),
            "reviews": str(conversation.pk),
        },
    )


def methods(address: str) -> list[str]:
    view = resolve(address).func.cls  # type: ignore[attr-defined]
    return [
        m for m in METHODS if m.lower() in view.http_method_names and callable(getattr(view, m.lower(), None))
    ]


def call(client: APIClient, route: str, address: str, method: str) -> Any:
    if route.endswith("/logo") and method == "PUT":
        picture = SimpleUploadedFile("a.png", b"text", content_type="image/png")
        return client.put(address, {"file": picture}, format="multipart")
    if method == "POST" and route.endswith(("/documents", "/files")):
        file = SimpleUploadedFile("a.txt", b"text", content_type="text/plain")
        return client.post(address, {"file": file}, format="multipart")
    return getattr(client, method.lower())(address, BODIES.get((kind_of(route), method), {}), format="json")


def snapshot(superuser_dsn: str, *organisations: Organisation) -> dict[str, list[str]]:
    """All that the tenants own, and the registry; that a key was used is no change."""
    tenants = [o.tenant.pk for o in organisations]
    query = "SELECT (to_jsonb(t) - 'last_used_at')::text FROM {} t WHERE tenant_id = ANY (%s) ORDER BY 1"
    with psycopg.connect(superuser_dsn) as superuser:
        registry = {
            table: [row[0] for row in superuser.execute(f"SELECT t::text FROM {table} t ORDER BY 1")]
            for table in REGISTRY
        }
        return registry | {
            table.name: [
                row[0]
                for row in superuser.execute(sql.SQL(query).format(sql.Identifier(table.name)), [tenants])
            ]
            for table in catalogue.tables(superuser)
            if table.has_tenant
        }


def of_another_department(world: World, other: World) -> APIClient:
    organisation = world.organisation
    return organisation.key(organisation.energy, *KeyScope.values, clearance=Secrecy.SECRET).client


def of_another_tenant(world: World, other: World) -> APIClient:
    organisation = other.organisation
    return organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET).client


def without_the_scope(world: World, other: World) -> APIClient:
    organisation = world.organisation
    return organisation.key(organisation.finance, KeyScope.SEARCH, clearance=Secrecy.SECRET).client


@pytest.fixture(scope="module")
def worlds(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[World, World]]:
    """Two, for all that follows: nothing changes in them, or a test fails."""
    with django_db_blocker.unblock():
        made = make_world(), make_world()
        [replica] = register("http://127.0.0.1:9", api_key="sk-secret")
        for world in made:
            world.objects.update(deployments=str(replica.deployment_id), replicas=str(replica.pk))
        connections.close_all()
    yield made
    with django_db_blocker.unblock():
        forget_everything()
        connections.close_all()


@pytest.mark.parametrize("route", ROUTES)
def test_the_objects_are_there_for_their_owner(
    committed: None, worlds: tuple[World, World], route: str
) -> None:
    """The control: without it every refusal below could be that of an object that does not exist."""
    world, _ = worlds
    address = world.address(route)
    if kind_of(route) in ("tenants", *OF_THE_PLATFORM):
        client = signed_in(platform_admin())
        assert "GET" not in methods(address) or client.get(address).status_code == 200
    elif "GET" in methods(address):
        assert world.owner.client.get(address).status_code == 200
    else:
        assert methods(address)


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (of_another_department, {403, 404}),
        (of_another_tenant, {404}),
        (without_the_scope, {403, 404}),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_the_wrong_caller_changes_nothing(
    committed: None,
    worlds: tuple[World, World],
    superuser_dsn: str,
    route: str,
    caller: Callable[[World, World], APIClient],
    expected: set[int],
) -> None:
    world, other = worlds
    client, address = caller(world, other), world.address(route)
    if kind_of(route) in ("tenants", *OF_THE_PLATFORM):  # the platform's: refused before it is looked for
        expected = {403}
    before = snapshot(superuser_dsn, world.organisation)
    for method in methods(address):
        response = call(client, route, address, method)
        assert response.status_code in expected, (method, address, response.status_code)
        if response.status_code >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"
    assert snapshot(superuser_dsn, world.organisation) == before
