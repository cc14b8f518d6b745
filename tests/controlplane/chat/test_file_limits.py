"""Which files a conversation takes, and how they are listed."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.services import conversation_files
from controlplane.identity.models import KeyScope
from tests.controlplane.chat.asker import (
    Asker,
    make_conversation,
    traces,
)
from tests.controlplane.identity.test_sessions import signed_in


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
