"""What holds for every endpoint there is: read from the URL configuration, so a new one is covered from its first day."""

import functools
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from controlplane.core.scope import platform_scope
from controlplane.identity import authentication
from controlplane.identity.models import KeyScope
from controlplane.identity.selectors import principal_of_key
from controlplane.tenants.models import Tenant
from tests.controlplane.organisations import Organisation

PUBLIC = {
    ("api/v1/session", "POST"),
    ("api/v1/session", "DELETE"),
    ("api/v1/openapi.json", "GET"),
    ("api/v1/setup", "POST"),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EXAMPLES = {
    "<uuid:": str(UUID(int=7)),
    "<slug:": "no-such-slug",
    "<str:": "no-such-thing",
    "<int:": "7",
}


def paths(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            yield path


def example(path: str) -> str:
    for start, value in EXAMPLES.items():
        while start in path:
            before, _, rest = path.partition(start)
            path = before + value + rest.partition(">")[2]
    return "/" + path


# The console answers browsers in pages of its own: tests/controlplane/console.
ALL = sorted(path for path in paths(get_resolver().url_patterns) if path.startswith("api/"))


def test_there_are_endpoints() -> None:
    assert len(ALL) >= 20


@pytest.mark.parametrize("path", ALL)
def test_without_a_credential_nothing_is_answered(committed_organisation: Organisation, path: str) -> None:
    client = APIClient()
    for method in METHODS:
        if (path, method) in PUBLIC:
            continue
        response = client.generic(method, example(path), "{}", content_type="application/json")
        expected = (401, 405) if any(public == path for public, _ in PUBLIC) else (401,)
        assert response.status_code in expected, (method, path)
        if response.status_code == 401:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["code"] in ("not_authenticated", "invalid_credential")


@pytest.mark.parametrize("path", ALL)
def test_a_key_without_scopes_changes_nothing(committed_organisation: Organisation, path: str) -> None:
    """The weakest key there is: whatever it sends is refused, or finds nothing, and never an error of ours."""
    organisation = committed_organisation
    client = organisation.key(organisation.lending, KeyScope.CHAT).client
    for method in METHODS[1:]:
        if (path, method) in PUBLIC:
            continue
        response = client.generic(method, example(path), "{}", content_type="application/json")
        assert response.status_code in (403, 404, 405, 415, 422), (method, path, response.status_code)
    with platform_scope():
        assert Tenant.objects.filter(pk=organisation.tenant.pk).exists()


JUNK = ("%00", "%ED%A0%80", "..%2F..", "%27%22%3B--", "9" * 400, "\u6e20" * 300)
QUERY = (
    "action", "actor", "target", "status", "cursor", "limit", "knowledge_base", "page", "version", "q",
    "from", "to", "group_by", "department", "assistant", "format", "conversation", "document",
    "key", "model", "deployment", "outcome",
)  # fmt: skip
BODIES = (
    b"\x00",
    b"[]",
    b'"text"',
    b"{" * 5000,
    b"[" * 100_000,
    b'{"slug": "\\u0000", "name": "\\u0000", "department": "\\u0000", "query": "\\u0000", "email": "\\u0000"}',
    b'{"slug": "\\ud800", "name": "\\ud800", "department": "\\ud800", "query": "\\ud800", "email": "\\ud800"}',
    b'{"name": {}, "department": [], "slug": 7, "query": null, "knowledge_bases": "x", "metadata": "\\u0000"}',
)


def with_junk(path: str, junk: str) -> str:
    for start in ("<str:", "<slug:"):
        before, found, rest = path.partition(start)
        path = before + junk + rest.partition(">")[2] if found else path
    return example(path)


@pytest.fixture
def known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is looked up once and not with each of thousands of requests: it is no part of what is tried."""
    monkeypatch.setattr(authentication, "principal_of_key", functools.cache(principal_of_key))


@pytest.mark.parametrize("path", ALL)
def test_junk_is_the_callers_fault(
    committed_organisation: Organisation, known_at_once: None, path: str
) -> None:
    """With every right there is, and nonsense everywhere: never an error of ours, and always a problem document."""
    organisation = committed_organisation
    client = organisation.key(organisation.root, *KeyScope.values).client
    client.raise_request_exception = False
    for junk in JUNK:
        for address in (with_junk(path, junk), *(f"{example(path)}?{name}={junk}" for name in QUERY)):
            if not answered(client.get(address), address):
                break
    for method in METHODS[1:]:
        for sent in BODIES:
            response = client.generic(method, example(path), sent, content_type="application/json")
            if not answered(response, f"{method} {path} {sent[:60]!r}"):
                break


def answered(response: Any, what: str) -> bool:
    """Whether there is such a method: where there is none, nothing else of a request is read."""
    assert response.status_code < 500, (what, response.status_code, response.content[:300])
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json", what
    return bool(response.status_code != 405)


def test_the_description_of_the_api_is_complete(organisation: Organisation) -> None:
    document = APIClient().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = {path.strip("/").replace("{", "<").partition("<")[0] for path in document["paths"]}
    missing = [p for p in ALL if p.replace("<", "<").partition("<")[0] not in described]
    assert [p for p in missing if not p.endswith("openapi.json")] == []


def test_the_description_of_the_api_says_how_to_sign_in(organisation: Organisation) -> None:
    document = APIClient().get("/api/v1/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "apiKey": "http",
        "chatToken": "http",
        "session": "apiKey",
    }
    for path in ("/api/v1/me", "/api/v1/search", "/api/v1/me/password", "/api/v1/members"):
        for method in set(document["paths"][path]) & {"get", "post"}:
            assert {"apiKey": []} in document["paths"][path][method]["security"], path
    assert {"get", "patch", "delete"} <= set(document["paths"]["/api/v1/members/{membership_id}"])
    assert len(ALL) == len(set(ALL))
