"""Files that somebody attaches to a conversation: searched by its questions, seen by nobody else, gone with it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import openai
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.utils import ProgrammingError
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation
from controlplane.core.problems import NotFound
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Blob, Document, KnowledgeBase, Passage
from controlplane.documents.search import search_passages
from controlplane.documents.services import conversation_files
from controlplane.documents.storage import store
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Role
from deploy.embedded.testing import Servers
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.controlplane.documents.library import Library
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Key, make_organisation
from tests.fakes.engine import Answer, FakeEngine
from tests.rag.parsing.makers import pdf_of

SECRET = "The penalty of contract seven is nine percent of the price"
QUESTION = "What is the penalty of contract seven in percent of the price?"
READS = (KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may ask and read in finance, and write nowhere, with an empty conversation."""

    bank: Bank
    key: Key
    conversation: UUID

    @property
    def files(self) -> str:
        return f"/api/v1/conversations/{self.conversation}/files"

    @property
    def library(self) -> Library:
        return Library(self.bank.organisation, self.bank.key, str(self.bank.base))

    def attach(
        self, content: bytes = b"", name: str = "contract.pdf", client: APIClient | None = None
    ) -> Any:
        file = SimpleUploadedFile(name, content or pdf_of(SECRET))
        return (client or self.key.client).post(self.files, {"file": file}, format="multipart")

    def attached(self) -> str:
        """Ready: the document's id."""
        received = self.attach()
        assert received.status_code == 202, received.content
        self.library.work()
        return str(received.json()["id"])

    def ask(self, platform: Served, question: str = QUESTION) -> Any:
        karez = {"conversation_id": str(self.conversation)}
        return ask(platform.client(self.key.presented), question, extra_body={"karez": karez})


def make_asker(bank: Bank) -> Asker:
    key = bank.organisation.key(bank.organisation.finance, *READS)
    return Asker(bank, key, make_conversation(bank, key.principal.actor))


def make_conversation(bank: Bank, actor: str) -> UUID:
    from controlplane.assistants.models import Assistant

    tenant = bank.organisation.tenant
    with tenant_scope(tenant.pk):
        assistant = Assistant.objects.get(slug="finance")
        return Conversation.objects.create(tenant=tenant, actor=actor, assistant=assistant).pk


@pytest.fixture
def asker(platform: Served, bank: Bank, valkey_server: Servers) -> Asker:
    return make_asker(bank)


def test_a_file_is_listed_with_its_progress_and_cited(
    platform: Served, asker: Asker, engine: FakeEngine
) -> None:
    received = asker.attach()
    assert received.status_code == 202
    body = received.json()
    assert (body["status"], body["filename"], body["secrecy"]) == ("queued", "contract.pdf", "internal")
    [waiting] = asker.key.client.get(asker.files).json()["results"]
    assert (waiting["id"], waiting["status"], waiting["progress"]) == (body["id"], "queued", 0.0)
    asker.library.work()
    [ready] = asker.key.client.get(asker.files).json()["results"]
    assert (ready["status"], ready["progress"], ready["error"], ready["pages"]) == ("ready", 1.0, None, 1)
    engine.answers = Answer(text="The penalty is nine percent[1].")
    [note] = asker.ask(platform).choices[0].message.annotations
    assert note.karez["document_id"] == body["id"]
    assert SECRET in note.karez["quote"]
    document = f"/api/v1/documents/{body['id']}"
    assert asker.key.client.get(f"{document}/pages/1?highlight={note.karez['chunk_id']}").status_code == 200
    assert asker.key.client.get(f"{document}/passages").json()["results"][0]["text"] == SECRET


def test_the_assistants_own_knowledge_is_searched_beside_it(
    platform: Served, asker: Asker, engine: FakeEngine
) -> None:
    asker.attached()
    engine.answers = Answer(text="住宅抵押率最高不超过70%[1]。")
    [note] = asker.ask(platform, "以住宅抵押的，抵押率最高不超过多少？").choices[0].message.annotations
    assert note.url_citation.title == "授信管理办法"


def test_another_conversation_does_not_search_it(platform: Served, asker: Asker, engine: FakeEngine) -> None:
    asker.attached()
    answer = ask(platform.client(asker.key.presented), QUESTION)
    assert not answer.choices[0].message.annotations
    assert "contract" not in answer.choices[0].message.content


def test_a_question_waits_for_its_files(platform: Served, asker: Asker, engine: FakeEngine) -> None:
    engine.answers = Answer(text="The penalty is nine percent[1].")
    asker.attach()
    with pytest.raises(openai.ConflictError) as refused:
        asker.ask(platform)
    assert refused.value.response.headers["Retry-After"] == "3"
    assert "file_not_ready" in refused.value.response.text
    assert "contract.pdf" in refused.value.response.text
    with tenant_scope(asker.bank.organisation.tenant.pk):
        assert Conversation.objects.get(pk=asker.conversation).messages.count() == 0
    asker.library.work()
    assert asker.ask(platform).choices[0].message.annotations


def test_a_file_that_failed_keeps_nobody_from_asking(
    platform: Served, asker: Asker, engine: FakeEngine
) -> None:
    asker.attach(b"   \n\n", "blank.txt")
    asker.library.work()
    [failed] = asker.key.client.get(asker.files).json()["results"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "empty_file")
    assert failed["error"]["remedy"]
    engine.answers = Answer(text="住宅抵押率最高不超过70%[1]。")
    assert asker.ask(platform, "以住宅抵押的，抵押率最高不超过多少？").choices[0].message.annotations


# Who sees it -------------------------------------------------------------------------------------------------------


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


# Until when it is there --------------------------------------------------------------------------------------------


def traces(asker: Asker) -> dict[str, int]:
    return asker.library.traces()


def test_it_goes_with_the_conversation(platform: Served, asker: Asker, engine: FakeEngine) -> None:
    before = traces(asker)
    engine.answers = Answer(text="The penalty is nine percent[1].")
    asker.attached()
    asker.ask(platform)
    with tenant_scope(asker.bank.organisation.tenant.pk):
        path = Blob.objects.get(versions__document__owner=asker.key.principal.actor).path
    assert store().exists(path)
    assert asker.key.client.delete(f"/api/v1/conversations/{asker.conversation}").status_code == 204
    assert traces(asker) == before
    assert not store().exists(path)
    tenant_id = asker.bank.organisation.tenant.pk
    with tenant_scope(tenant_id):
        assert not KnowledgeBase.objects.exclude(owner="").exists()
        last = event_list(tenant_id=tenant_id).order_by("sequence").last()
        assert last is not None
        assert (last.action, last.data["files"]) == ("conversation.deleted", 1)


def test_one_goes_alone_also_while_it_is_read(asker: Asker) -> None:
    before = traces(asker)
    first = asker.attached()
    second = asker.attach(b"Another file.", "note.txt").json()["id"]
    assert asker.key.client.delete(f"{asker.files}/{second}").status_code == 204
    asker.library.work()
    assert [row["id"] for row in asker.key.client.get(asker.files).json()["results"]] == [first]
    assert asker.key.client.delete(f"{asker.files}/{first}").status_code == 204
    assert asker.key.client.get(asker.files).json()["results"] == []
    assert traces(asker) == before
    assert asker.key.client.delete(f"{asker.files}/{first}").status_code == 404


def test_only_files_of_the_conversation_are_deleted_through_it(asker: Asker) -> None:
    with tenant_scope(asker.bank.organisation.tenant.pk):
        others = Document.objects.filter(owner="").first()
    assert others is not None
    assert asker.key.client.delete(f"{asker.files}/{others.pk}").status_code == 404
    second = Asker(asker.bank, asker.key, make_conversation(asker.bank, asker.key.principal.actor))
    document = asker.attached()
    assert second.key.client.delete(f"{second.files}/{document}").status_code == 404
    assert asker.key.client.get(f"/api/v1/documents/{document}").status_code == 200


def test_the_database_leaves_no_file_without_its_conversation(asker: Asker) -> None:
    document = asker.attached()
    with tenant_scope(asker.bank.organisation.tenant.pk):
        Conversation.objects.filter(pk=asker.conversation).delete()
        assert not Document.objects.filter(pk=document).exists()
        assert not Passage.objects.filter(document_id=document).exists()


# What is refused ---------------------------------------------------------------------------------------------------


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update=limits))


def test_their_number_is_limited(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, conversation_files=2)
    assert [asker.attach(b"a", "a.txt").status_code, asker.attach(b"b", "b.txt").status_code] == [202, 202]
    before = traces(asker)
    refused = asker.attach(b"c", "c.txt")
    body = refused.json()
    assert (refused.status_code, body["code"], body["field"], body["limit"]) == (
        409,
        "too_many_files",
        "file",
        2,
    )
    assert body["remedy"]
    assert traces(asker) == before
    assert asker.attach(b"a new version", "a.txt").json()["version"] == 2


def test_the_versions_of_one_are_limited(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_files, "MOST_VERSIONS", 3)
    for number in range(3):
        assert asker.attach(b"version %d" % number, "a.txt").json()["version"] == number + 1
    before = traces(asker)
    refused = asker.attach(b"version 3", "a.txt")
    body = refused.json()
    assert (refused.status_code, body["code"], body["field"], body["limit"]) == (
        409,
        "too_many_versions",
        "file",
        3,
    )
    assert body["remedy"]
    assert traces(asker) == before
    # What it is already is no further version.
    assert asker.attach(b"version 2", "a.txt").status_code == 200
    assert asker.attach(b"version 3", "b.txt").status_code == 202
    [id_] = [f["id"] for f in asker.key.client.get(asker.files).json()["results"] if f["filename"] == "a.txt"]
    assert asker.key.client.delete(f"{asker.files}/{id_}").status_code == 204
    assert asker.attach(b"version 4", "a.txt").json()["version"] == 1


def test_their_size_is_limited(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, conversation_file_bytes=1000)
    for size in (1001, 3 * 1024 * 1024):
        refused = asker.attach(b"x" * size, "a.txt")
        assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (
            413,
            "file_too_large",
            1000,
        )
    assert asker.attach(b"x" * 1000, "a.txt").status_code == 202


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"MZ\x90\x00", "program.exe", 415, "unsupported_format"),
        (b"\x89PNG\r\n", "picture.png", 415, "unsupported_format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old.doc", 415, "unsupported_format"),
    ],
)
def test_only_what_the_parsers_know_is_taken(
    asker: Asker, content: bytes, name: str, status: int, code: str
) -> None:
    before = traces(asker)
    refused = asker.attach(content, name)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (status, code, "file")
    assert refused.json()["remedy"]
    assert traces(asker) == before
    with tenant_scope(asker.bank.organisation.tenant.pk):
        assert not KnowledgeBase.objects.exclude(owner="").exists()


def test_an_empty_file_and_no_file_are_told(asker: Asker) -> None:
    file = SimpleUploadedFile("empty.txt", b"")
    empty = asker.key.client.post(asker.files, {"file": file}, format="multipart")
    assert (empty.status_code, empty.json()["code"]) == (422, "empty_file")
    none = asker.key.client.post(asker.files, {}, format="multipart")
    assert (none.status_code, none.json()["field"]) == (422, "file")


def test_a_conversation_without_an_assistant_takes_none(asker: Asker) -> None:
    with tenant_scope(asker.bank.organisation.tenant.pk):
        Conversation.objects.filter(pk=asker.conversation).update(assistant=None)
    refused = asker.attach()
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_without_assistant")
    assert refused.json()["remedy"]


def test_the_scope_is_needed(asker: Asker) -> None:
    searcher = asker.bank.organisation.key(asker.bank.organisation.finance, KeyScope.SEARCH)
    for answer in (
        asker.attach(client=searcher.client),
        searcher.client.get(asker.files),
        searcher.client.delete(f"{asker.files}/{uuid4()}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_the_same_file_again_is_the_one_that_is_there(asker: Asker) -> None:
    document = asker.attached()
    again = asker.attach()
    assert (again.status_code, again.json()["id"], again.json()["job"]) == (200, document, None)


def test_a_person_attaches_and_reads_as_a_key_does(asker: Asker) -> None:
    user = asker.bank.organisation.member(asker.bank.organisation.finance)
    client = signed_in(user)
    own = Asker(asker.bank, asker.key, make_conversation(asker.bank, f"user:{user.pk}"))
    assert own.attach(client=client).status_code == 202
    own.library.work()
    [shown] = client.get(own.files).json()["results"]
    assert shown["status"] == "ready"
    assert own.key.client.get(own.files).status_code == 404


def test_the_list_is_paged_with_a_fixed_number_of_queries(
    asker: Asker, django_assert_max_num_queries: Any
) -> None:
    for number in range(4):
        asker.attach(b"%d" % number, f"{number}.txt")
    first = asker.key.client.get(f"{asker.files}?limit=3").json()
    second = asker.key.client.get(first["next"]).json()
    assert [row["filename"] for row in (*first["results"], *second["results"])] == [
        "3.txt",
        "2.txt",
        "1.txt",
        "0.txt",
    ]
    for limit in (1, 4):
        with django_assert_max_num_queries(18):
            asker.key.client.get(f"{asker.files}?limit={limit}")
