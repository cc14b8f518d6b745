"""Files that somebody attaches to a conversation: searched by its questions, gone with it."""

import openai
import pytest

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import Blob, Document, KnowledgeBase, Passage
from controlplane.documents.storage import store
from tests.controlplane.api.openai.conftest import Served
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.controlplane.chat.asker import QUESTION, SECRET, Asker, make_conversation, traces
from tests.fakes.engine import Answer, FakeEngine


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
