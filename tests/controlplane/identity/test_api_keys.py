"""API keys: made, used, expired, revoked; and what they may not do."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity import selectors
from controlplane.identity.models import ApiKey, KeyScope
from controlplane.identity.selectors import principal_of_key
from tests.controlplane.organisations import Organisation, client_of

URL = "/api/v1/api-keys"


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "crm", "department": "lending", "scopes": ["chat"], "clearance": "public"} | changes


def count(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return ApiKey.objects.count()


def test_a_key_is_shown_once_and_works(organisation: Organisation) -> None:
    admin = organisation.key(organisation.finance, *KeyScope.values).client
    made = admin.post(URL, body(), format="json")
    assert made.status_code == 201
    presented = made.json()["key"]
    assert presented.startswith("kz_")
    assert made.json()["prefix"] == presented[:11]
    assert "key" not in admin.get(f"{URL}/{made.json()['id']}").json()
    me = client_of(presented).get("/api/v1/me").json()
    assert me["scopes"] == ["chat"]
    assert me["clearance"] == "public"
    assert me["read_departments"] == [str(organisation.lending.pk)]


def test_only_the_hash_is_stored(organisation: Organisation) -> None:
    key = organisation.key(organisation.finance)
    with tenant_scope(organisation.tenant.pk):
        stored = ApiKey.objects.values().get()
    assert key.presented not in str(stored)
    assert len(stored["key_hash"]) == 64


def test_a_key_reads_what_is_beneath_its_department(organisation: Organisation) -> None:
    principal = organisation.key(organisation.finance).principal
    assert principal.read_departments == {organisation.finance.pk, organisation.lending.pk}
    assert principal.write_departments == principal.read_departments
    assert organisation.key(organisation.finance, KeyScope.CHAT).principal.write_departments == frozenset()


@pytest.mark.parametrize("presented", ["", "kz_", "kz_wrong", "sk-other", "kz_" + "x" * 300])
def test_unknown_keys_are_401(organisation: Organisation, presented: str) -> None:
    response = client_of(presented).get("/api/v1/me")
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_credential"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="karez"'


def test_no_credential_is_401(organisation: Organisation, client: Any) -> None:
    assert client.get("/api/v1/me").status_code == 401


def test_a_revoked_key_stops_at_once(organisation: Organisation) -> None:
    admin = organisation.key(organisation.finance, *KeyScope.values).client
    made = admin.post(URL, body(), format="json").json()
    assert client_of(made["key"]).get("/api/v1/me").status_code == 200
    assert admin.delete(f"{URL}/{made['id']}").status_code == 204
    assert client_of(made["key"]).get("/api/v1/me").status_code == 401
    assert admin.delete(f"{URL}/{made['id']}").status_code == 204


def test_an_expired_key_is_refused(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + timedelta(minutes=5)
    admin = organisation.key(organisation.finance, *KeyScope.values).client
    presented = admin.post(URL, body(expires_at=later.isoformat()), format="json").json()["key"]
    assert principal_of_key(presented=presented) is not None
    monkeypatch.setattr(selectors.timezone, "now", lambda: later + timedelta(seconds=1))
    assert principal_of_key(presented=presented) is None


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"scopes": ["documents:write"]}, 403, "scope_not_held", None),
        ({"clearance": "secret"}, 403, "above_clearance", "clearance"),
        ({"department": "energy"}, 403, "department_not_administered", None),
        ({"department": "nowhere"}, 404, "not_found", None),
        ({"scopes": ["everything"]}, 422, "invalid_field", "scopes.0"),
        ({"clearance": "cosmic"}, 422, "invalid_field", "clearance"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "expiry_in_the_past", "expires_at"),
    ],
)
def test_a_key_never_exceeds_its_maker(
    organisation: Organisation, changes: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    admin = organisation.key(organisation.finance, KeyScope.ADMIN, KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE)
    if changes == {"scopes": ["documents:write"]}:
        changes = {"scopes": ["search"]}
    before = count(organisation)
    response = admin.client.post(URL, body(**changes), format="json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    if field and code != "scope_not_held":
        assert response.json()["field"] == field
    assert count(organisation) == before


def test_without_the_scope_nothing_is_made_or_shown(organisation: Organisation) -> None:
    client = organisation.key(organisation.finance).client
    before = count(organisation)
    assert client.get(URL).status_code == 403
    response = client.post(URL, body(), format="json")
    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
    assert count(organisation) == before


def test_another_tenants_key_is_404(organisation: Organisation, other: Organisation) -> None:
    theirs = other.key(other.finance)
    admin = organisation.key(organisation.root, *KeyScope.values).client
    key_id = theirs.principal.actor.removeprefix("key:")
    assert admin.get(f"{URL}/{key_id}").status_code == 404
    assert admin.delete(f"{URL}/{key_id}").status_code == 404
    assert principal_of_key(presented=theirs.presented) is not None


def test_clearance_of_a_principal(organisation: Organisation) -> None:
    assert (
        organisation.key(organisation.finance, clearance=Secrecy.SECRET).principal.clearance == Secrecy.SECRET
    )
