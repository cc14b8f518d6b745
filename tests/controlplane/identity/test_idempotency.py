"""Writes with an `Idempotency-Key`: once, the same answer again, no secret kept, and nothing kept for long."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from controlplane.core.problems import Conflict
from controlplane.core.scope import enter_scope, platform_scope, tenant_scope
from controlplane.identity import idempotency
from controlplane.identity.idempotency import Answer, begin, fingerprint, form_content
from controlplane.identity.models import ApiKey, IdempotencyRecord, KeyScope
from controlplane.identity.tasks import purge_idempotency
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Key, Organisation, platform_admin

KEYS = "/api/v1/api-keys"
SEND = {"format": "json", "HTTP_IDEMPOTENCY_KEY": "import-17"}


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "crm", "department": "lending", "scopes": ["chat"], "clearance": "public"} | changes


def count(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return ApiKey.objects.count()


@pytest.fixture
def admin(organisation: Organisation) -> Key:
    return organisation.key(organisation.finance, *KeyScope.values)


def test_a_repeated_write_happens_once(organisation: Organisation, admin: Key) -> None:
    first = admin.client.post(KEYS, body(), **SEND)
    before = count(organisation)
    again = admin.client.post(KEYS, body(), **SEND)
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    assert count(organisation) == before
    other_body = admin.client.post(KEYS, body(name="another"), **SEND)
    assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")
    assert count(organisation) == before


def test_a_key_that_is_shown_once_is_stored_nowhere(
    committed_organisation: Organisation, superuser_dsn: str
) -> None:
    organisation = committed_organisation
    admin = organisation.key(organisation.finance, *KeyScope.values)
    presented = admin.client.post(KEYS, body(), **SEND).json()["key"]
    assert presented.startswith("kz_")
    with psycopg.connect(superuser_dsn) as superuser:
        rows = superuser.execute(
            "SELECT body FROM identity_idempotencyrecord WHERE tenant_id = %s", [organisation.tenant.pk]
        ).fetchall()
    assert [row[0]["key"] for row in rows] == [None]
    assert presented not in str(rows)


def test_a_refused_write_leaves_the_key_free(organisation: Organisation, admin: Key) -> None:
    assert admin.client.post(KEYS, body(department="nowhere"), **SEND).status_code == 404
    assert admin.client.post(KEYS, body(), **SEND).status_code == 201


def form(content: bytes, name: str = "a.txt", **fields: str) -> str:
    """The fingerprint of an upload."""
    raw = APIRequestFactory().post(
        "/upload", {"file": SimpleUploadedFile(name, content), **fields}, format="multipart"
    )
    request = Request(raw, parsers=[MultiPartParser()])
    print_ = fingerprint(method="POST", path="/upload", content=form_content(request))
    assert request.FILES["file"].read() == content  # what follows can still read it
    return print_


def test_uploads_of_one_length_are_told_apart() -> None:
    assert form(b"one") == form(b"one")
    different = {form(b"one"), form(b"two"), form(b"one", name="b.txt"), form(b"one", secrecy="secret")}
    assert len(different) == 4


def test_parts_are_not_told_apart_by_where_they_join_only() -> None:
    def of(*content: bytes) -> str:
        return fingerprint(method="POST", path="/", content=content)

    assert len({of(b"ab", b"c"), of(b"a", b"bc"), of(b"abc"), of(b"abc", b"")}) == 4


def test_answers_are_forgotten_after_a_day(committed_organisation: Organisation) -> None:
    organisation = committed_organisation
    admin = organisation.key(organisation.finance, *KeyScope.values)
    for name in ("old", "new"):
        admin.client.post(KEYS, body(name=name), format="json", HTTP_IDEMPOTENCY_KEY=name)
    with tenant_scope(organisation.tenant.pk):
        records = IdempotencyRecord.objects.all()
        records.filter(key="old").update(created_at=timezone.now() - timedelta(hours=25))
        records.filter(key="new").update(created_at=timezone.now() - timedelta(hours=23))
    purge_idempotency()
    with tenant_scope(organisation.tenant.pk):
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["new"]


@pytest.fixture
def unfinished(committed_organisation: Organisation) -> Iterator[tuple[Key, threading.Event]]:
    """A first request, in another transaction, that has begun; it ends when the event is set."""
    admin = committed_organisation.key(committed_organisation.finance, *KeyScope.values)
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            enter_scope(admin.principal.scope())
            record = begin(principal=admin.principal, key="k", print_="p")
            assert isinstance(record, IdempotencyRecord)
            begun.set()
            may_end.wait(30)
            idempotency.finish(record=record, answer=Answer(status=201, body={"a": 1}))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30)
    yield admin, may_end
    may_end.set()
    thread.join()


def test_a_repetition_waits_for_the_first(unfinished: tuple[Key, threading.Event]) -> None:
    admin, may_end = unfinished
    timer = threading.Timer(0.5, may_end.set)
    timer.start()
    with transaction.atomic():
        enter_scope(admin.principal.scope())
        answer = begin(principal=admin.principal, key="k", print_="p")
    timer.join()
    assert answer == Answer(status=201, body={"a": 1})


def test_a_repetition_does_not_wait_for_ever(
    unfinished: tuple[Key, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, _may_end = unfinished
    monkeypatch.setattr(idempotency, "_WAIT", "200ms")
    with transaction.atomic():
        enter_scope(admin.principal.scope())
        with pytest.raises(Conflict) as caught:
            begin(principal=admin.principal, key="k", print_="p")
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("30s",)
    assert (caught.value.code, caught.value.headers()) == ("idempotency_in_progress", {"Retry-After": "5"})


def test_waiting_for_other_locks_is_as_before_afterwards(organisation: Organisation, admin: Key) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        enter_scope(admin.principal.scope())
        begin(principal=admin.principal, key="k", print_="p")
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("30s",)


def test_what_concerns_no_tenant_happens_once_too(organisation: Organisation) -> None:
    client, email = signed_in(platform_admin()), f"{uuid4().hex}@example.org"
    new = {"slug": f"t-{uuid4().hex[:8]}", "name": "x", "admin": {"email": email, "password": PASSWORD}}
    first, again = (client.post("/api/v1/tenants", new, **SEND) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    another = signed_in(platform_admin()).post("/api/v1/tenants", new, **SEND)
    assert (another.status_code, another.json()["code"]) == (409, "slug_taken")
    with platform_scope():
        assert IdempotencyRecord.objects.filter(tenant=None).update(
            created_at=timezone.now() - timedelta(hours=25)
        )
        assert idempotency.purge(tenant_id=None) >= 1
        assert not IdempotencyRecord.objects.filter(tenant=None).exists()
