"""What signing in leaves in the trail, how often it may be tried, and how passwords are kept."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.identity import throttles
from controlplane.identity.hashers import Argon2
from controlplane.identity.models import User
from deploy.embedded.testing import Servers
from tests.controlplane.organisations import PASSWORD, Organisation

SESSION = "/api/v1/session"


def try_to(email: str, password: str = "wrong-password", **extra: Any) -> Any:
    return APIClient().post(SESSION, {"email": email, "password": password}, format="json", **extra)


def trail(organisation: Organisation) -> list[tuple[str, str, str]]:
    """Of sessions, oldest first."""
    with tenant_scope(organisation.tenant.pk):
        events = event_list(tenant_id=organisation.tenant.pk)
        return [(e.actor, e.action, e.target) for e in events if e.action.startswith("session")][::-1]


def test_signing_in_out_and_being_refused_are_in_the_trail(committed_organisation: Organisation) -> None:
    organisation = committed_organisation
    user = organisation.member(organisation.finance)
    assert try_to(user.email.upper()).status_code == 403
    client = APIClient()
    client.post(SESSION, {"email": user.email, "password": PASSWORD}, format="json")
    assert client.delete(SESSION).status_code == 204
    assert client.get("/api/v1/me").status_code == 401
    assert trail(organisation) == [
        ("system", "session.refused", f"user:{user.pk}"),
        (f"user:{user.pk}", "session.started", ""),
        (f"user:{user.pk}", "session.ended", ""),
    ]


def test_a_stranger_leaves_no_trace_and_no_error(committed_organisation: Organisation) -> None:
    assert try_to(f"{uuid4().hex}@example.org").status_code == 403
    assert APIClient().delete(SESSION).status_code == 204
    assert trail(committed_organisation) == []


@pytest.fixture
def counted(valkey_server: Servers) -> Iterator[None]:
    """With the cache that runs in production, empty."""
    backend = "django.core.cache.backends.redis.RedisCache"
    location = valkey_server.valkey.url(1)
    with override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": location}}):
        cache.clear()
        yield


@pytest.fixture
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenth second of a window."""
    monkeypatch.setattr(throttles, "time", SimpleNamespace(time=lambda: 1_800_000_010.0))


def test_an_address_may_be_tried_ten_times_a_minute(
    committed_organisation: Organisation, counted: None, at_one_moment: None
) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    answers = [try_to(user.email, REMOTE_ADDR=f"10.0.0.{n}") for n in range(10)]
    assert {a.status_code for a in answers} == {403}
    refused = try_to(f" {user.email.upper()}", PASSWORD, REMOTE_ADDR="10.0.0.99")
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "50"
    assert len(trail(committed_organisation)) == 10


def test_a_network_address_may_try_thirty_times_a_minute(
    committed_organisation: Organisation, counted: None, at_one_moment: None
) -> None:
    """And cannot become another one by a header, as long as no proxy is trusted."""

    def attempt(n: int) -> int:
        answer = try_to(f"{n}@example.org", REMOTE_ADDR="10.1.1.1", HTTP_X_FORWARDED_FOR=f"1.1.1.{n}")
        return int(answer.status_code)

    assert {attempt(n) for n in range(30)} == {403}
    assert attempt(30) == 429
    assert try_to("x@example.org", REMOTE_ADDR="10.1.1.2").status_code == 403
    assert APIClient().delete(SESSION, REMOTE_ADDR="10.1.1.1").status_code == 204


def test_parallel_attempts_are_all_counted(counted: None, at_one_moment: None) -> None:
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(throttles._count("k") for _ in range(25)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 101))


def test_without_the_cache_nobody_may_guess(committed_organisation: Organisation) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    with override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:9/0"}}):
        refused = try_to("a@example.org")
    assert (refused.status_code, refused.json()["code"]) == (503, "cache_unavailable")


ARGON2 = override_settings(
    PASSWORD_HASHERS=[
        "controlplane.identity.hashers.Argon2",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
)


@ARGON2
def test_passwords_are_kept_as_owasp_says() -> None:
    assert make_password(PASSWORD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert Argon2().must_update("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHQ$aGFzaGhhc2g")


def stored(user: User) -> str:
    with scoped(Scope(user_id=user.pk)):
        return User.objects.get(pk=user.pk).password


@ARGON2
def test_a_hash_of_other_parameters_is_renewed_at_sign_in(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    with scoped(Scope(user_id=user.pk)):
        User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert authenticate(None, username=user.email, password="wrong-password") is None
    assert stored(user).startswith("pbkdf2_sha256$")
    assert try_to(user.email, PASSWORD).status_code == 200
    renewed = stored(user)
    assert renewed.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert try_to(user.email, PASSWORD).status_code == 200
    assert stored(user) == renewed


def test_no_transaction_is_open_while_a_password_is_hashed(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    open_during: list[bool] = []
    verify = Argon2.verify

    def watched(self: Argon2, password: str, encoded: str) -> bool:
        open_during.append(connection.in_atomic_block)
        return verify(self, password, encoded)

    with ARGON2:
        with scoped(Scope(user_id=user.pk)):
            User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD))
        monkeypatch.setattr(Argon2, "verify", watched)
        assert try_to(user.email, PASSWORD).status_code == 200
    assert open_during == [False]
