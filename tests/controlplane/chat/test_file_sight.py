"""Files of a conversation are seen by nobody but who attached them."""

from uuid import uuid4

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from rest_framework.test import APIClient

from controlplane.chat.models import Conversation
from controlplane.core.problems import NotFound
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document, KnowledgeBase, Passage
from controlplane.documents.search import search_passages
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Role
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.chat.asker import QUESTION, SECRET, Asker
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import make_organisation
from tests.fakes.engine import Answer, FakeEngine


def strangers(bank: Bank) -> dict[str, Principal]:
    organisation, other = bank.organisation, make_organisation()
    everything = tuple(KeyScope.values)
    people = {
        "colleague": organisation.member(organisation.finance, clearance=Secrecy.SECRET),
        "manager": organisation.member(organisation.finance, Role.MANAGER, Secrecy.SECRET),
        "administrator": organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET),
    }
    return {
        **{name: principal_of_user(user=user) for name, user in people.items()},
        "key of the department": organisation.key(
            organisation.finance, *everything, clearance=Secrecy.SECRET
        ).principal,
        "key of the root": organisation.key(
            organisation.root, *everything, clearance=Secrecy.SECRET
        ).principal,
        "another tenant": other.key(other.root, *everything, clearance=Secrecy.SECRET).principal,
    }


def test_nobody_else_sees_a_row_or_finds_a_passage(asker: Asker) -> None:
    document = asker.attached()
    with tenant_scope(asker.bank.organisation.tenant.pk):
        base = KnowledgeBase.objects.get(conversation=asker.conversation)
        passage = Passage.objects.get(document_id=document)
    found = search_passages(principal=asker.key.principal, knowledge_base_ids=[base.pk], query=QUESTION)
    assert [hit.text for hit in found.passages] == [SECRET]
    for name, principal in strangers(asker.bank).items():
        with scoped(principal.scope()):
            assert not KnowledgeBase.objects.filter(pk=base.pk).exists(), name
            assert not Document.objects.filter(pk=document).exists(), name
            assert not Passage.objects.filter(pk=passage.pk).exists(), name
            for table in ("documents_version", "documents_indexjob", "documents_passage"):
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT t::text FROM {table} t")
                    assert not any(document in row[0] for row in cursor.fetchall()), (name, table)
        for bases in ([base.pk], [base.pk, asker.bank.base]):
            with pytest.raises(NotFound):
                search_passages(principal=principal, knowledge_base_ids=bases, query=QUESTION)
        if principal.tenant_id == asker.bank.organisation.tenant.pk:
            theirs = search_passages(
                principal=principal, knowledge_base_ids=[asker.bank.base], query=QUESTION, mode="keyword"
            )
            assert not any(SECRET in hit.text for hit in theirs.passages), name


def clients(bank: Bank) -> dict[str, APIClient]:
    organisation, other = bank.organisation, make_organisation()
    return {
        "colleague": signed_in(organisation.member(organisation.finance, clearance=Secrecy.SECRET)),
        "administrator": signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)),
        "key": organisation.key(organisation.finance, *KeyScope.values, clearance=Secrecy.SECRET).client,
        "tenant": other.key(other.root, *KeyScope.values, clearance=Secrecy.SECRET).client,
    }


def test_nobody_else_reaches_it_over_rest(asker: Asker) -> None:
    document = asker.attached()
    [before] = asker.key.client.get(asker.files).json()["results"]
    path = f"/api/v1/documents/{document}"
    passage = asker.key.client.get(f"{path}/passages").json()["results"][0]["chunk_id"]
    picture = asker.key.client.get(f"{path}/pages/1")
    base, job = before["knowledge_base"], asker.key.client.get(path).json()["versions"][0]["job"]
    for name, client in clients(asker.bank).items():
        for address in (
            path,
            f"{path}/content",
            f"{path}/content?page=1",
            f"{path}/content?passage={passage}",
            f"{path}/pages/1",
            f"{path}/passages?around={passage}",
            f"/api/v1/jobs/{job}",
            f"/api/v1/knowledge-bases/{base}",
            f"/api/v1/knowledge-bases/{base}/documents",
            asker.files,
        ):
            refused = client.get(address, HTTP_IF_NONE_MATCH=picture["ETag"])
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), (name, address)
        for address in (path, f"{asker.files}/{document}", f"/api/v1/knowledge-bases/{base}"):
            assert client.delete(address).status_code in (403, 404), (name, address)
        assert asker.attach(name="other.pdf", client=client).status_code == 404, name
        for address in ("/api/v1/knowledge-bases?limit=200", f"/api/v1/jobs?document={document}"):
            assert document not in client.get(address).content.decode(), (name, address)
            assert str(base) not in client.get(address).content.decode(), (name, address)
    assert asker.key.client.get(asker.files).json()["results"] == [before]


def test_a_reviewer_reads_no_answer_from_it_and_no_name(
    platform: Served, asker: Asker, engine: FakeEngine
) -> None:
    document = asker.attached()
    engine.answers = Answer(text="The penalty is nine percent[1].", reasoning="Look at contract seven.")
    assert asker.ask(platform).choices[0].message.annotations
    refused = asker.ask(platform, "How many moons does the planet Saturn have?")
    assert "the files attached to this conversation" in refused.choices[0].message.content
    with tenant_scope(asker.bank.organisation.tenant.pk):
        Conversation.objects.filter(pk=asker.conversation).update(department=asker.bank.organisation.finance)
    manager = signed_in(
        asker.bank.organisation.member(asker.bank.organisation.finance, Role.MANAGER, Secrecy.SECRET)
    )
    read = manager.get(f"/api/v1/reviews/conversations/{asker.conversation}")
    assert read.status_code == 200
    assert next(message["withheld"] for message in read.json()["messages"] if message["role"] == "answer")
    for told in ("contract.pdf", "nine percent", "Look at contract", document):
        assert told not in read.content.decode(), told


def test_no_list_and_no_assistant_takes_it_for_a_knowledge_base(asker: Asker) -> None:
    asker.attached()
    [shown] = asker.key.client.get(asker.files).json()["results"]
    base = shown["knowledge_base"]
    listed = asker.key.client.get("/api/v1/knowledge-bases").json()["results"]
    assert [row["id"] for row in listed] == [str(asker.bank.base)]
    # The owner writes in the department here: the files stay out of what can be changed or shared with others.
    with tenant_scope(asker.bank.organisation.tenant.pk):
        for model in (KnowledgeBase, Document):
            model.objects.exclude(owner="").update(owner=asker.bank.key.principal.actor)
    writer = asker.bank.key.client
    assert writer.get(f"/api/v1/knowledge-bases/{base}").status_code == 404
    assert writer.post(f"/api/v1/knowledge-bases/{base}/reindex").status_code == 404
    shared = writer.put("/api/v1/assistants/finance", {"name": "x", "knowledge_bases": [base]}, format="json")
    assert (shared.status_code, shared.json()["code"]) == (422, "unknown_knowledge_base")


def test_the_database_takes_no_file_in_anothers_name(asker: Asker) -> None:
    asker.attached()
    principal = asker.bank.key.principal
    forged = f"user:{uuid4()}"
    statements = (
        f"""INSERT INTO documents_knowledgebase
                (id, tenant_id, created_at, name, department_id, secrecy, space_id, owner)
            SELECT gen_random_uuid(), tenant_id, now(), 'x', department_id, 0, space_id, '{forged}'
            FROM documents_knowledgebase WHERE id = '{asker.bank.base}'""",
        f"UPDATE documents_document SET owner = '{forged}'",
    )
    for statement in statements:
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            scoped(principal.scope()),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    with scoped(principal.scope()), connection.cursor() as cursor:
        cursor.execute("UPDATE documents_document SET owner = '' WHERE owner <> ''")
        assert cursor.rowcount == 0


@pytest.mark.parametrize("actor", ["", "user:1"])
def test_an_actor_without_a_name_owns_nothing(asker: Asker, actor: str) -> None:
    document = asker.attached()
    scope = Scope(
        tenant_id=asker.bank.organisation.tenant.pk,
        actor=actor,
        clearances={asker.bank.organisation.finance.pk: Secrecy.SECRET},
        administers=True,
    )
    with scoped(scope):
        assert not Document.objects.filter(pk=document).exists()
        assert Document.objects.filter(owner="").exists()


def test_the_owner_loses_sight_with_the_department(asker: Asker) -> None:
    document = asker.attached()
    moved = Scope(
        tenant_id=asker.bank.organisation.tenant.pk,
        actor=asker.key.principal.actor,
        clearances={asker.bank.organisation.energy.pk: Secrecy.SECRET},
    )
    with scoped(moved):
        assert not Document.objects.filter(pk=document).exists()
