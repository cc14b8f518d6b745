"""What holds for every endpoint there is: read from the URL configuration, so a new one is covered from its first day."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from controlplane.core.scope import platform_scope
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Tenant
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from tests.controlplane.organisations import Organisation

PUBLIC = {("api/v1/session", "POST"), ("api/v1/session", "DELETE"), ("api/v1/openapi.json", "GET")}
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


ALL = sorted(paths(get_resolver().url_patterns))


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


def test_the_description_of_the_api_is_complete(organisation: Organisation) -> None:
    document = APIClient().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = {path.strip("/").replace("{", "<").partition("<")[0] for path in document["paths"]}
    missing = [p for p in ALL if p.replace("<", "<").partition("<")[0] not in described]
    assert [p for p in missing if not p.endswith("openapi.json")] == []
