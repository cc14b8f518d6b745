"""The pages about API keys: made once, shown once, ended for good, by who administers."""

import ast
import html
import json
import re
import shlex
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope
from controlplane.identity.selectors import principal_of_key
from controlplane.tenants.models import Role
from tests.controlplane.console.pages import askers, mark_in, queries_of, refused, state
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.organisations import Organisation


@pytest.fixture
def boss(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def filled(organisation: Organisation, **changes: Any) -> dict[str, Any]:
    return {
        "name": "<script>crm</script>",
        "department": str(organisation.finance.pk),
        "scopes": ["chat", "search"],
        "clearance": "internal",
        "expires": "90",
        "once": uuid4().hex,
    } | changes


def only_key(organisation: Organisation) -> ApiKey:
    with tenant_scope(organisation.tenant.pk):
        return ApiKey.objects.get()


def test_only_administrators_get_in_and_nobody_else_changes_anything(
    organisation: Organisation, other: Organisation
) -> None:
    key, by = organisation.key(organisation.energy), askers(organisation, other)
    revoke = f"/api-keys/{key.principal.actor.removeprefix('key:')}/revoke"
    for client in (by.member, by.manager):
        for address in ("/api-keys/", "/api-keys/add"):
            assert client.get(address).status_code == 403
        refused(organisation, lambda c=client: c.post("/api-keys/add", filled(organisation)), 403)
        refused(organisation, lambda c=client: c.post(revoke), 403)
    for client in (by.department_admin, by.elsewhere):
        refused(organisation, lambda c=client: c.post(revoke), 404)
        data = filled(organisation, department=str(organisation.energy.pk))
        refused(organisation, lambda c=client, d=data: c.post("/api-keys/add", d), 422)
        assert "test" not in re.findall(
            r"person__text\"><span>(\w+)<", client.get("/api-keys/?state=all").text
        )


def test_a_key_is_shown_once_with_calls_to_try(organisation: Organisation, boss: Client) -> None:
    page = boss.get("/api-keys/add")
    data = filled(organisation, once=mark_in(page))
    shown = boss.post("/api-keys/add", data)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "private, no-store")
    presented = re.search(r'<code id="secret">(kz_[\w-]+)</code>', shown.text)
    assert presented is not None
    principal = principal_of_key(presented=presented[1])
    assert principal is not None
    assert principal.scopes == {"chat", "search"}
    assert "/v1/chat/completions" in shown.text
    assert "<script>crm" not in shown.text
    key = only_key(organisation)
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    before = state(organisation)
    assert boss.post("/api-keys/add", data).headers["Location"] == "/api-keys/"
    assert state(organisation) == before
    listed = boss.get("/api-keys/").text
    assert key.prefix in listed
    assert presented[1] not in listed
    assert "<script>crm" not in listed


def test_the_calls_to_try_ask_what_the_assistant_offers(organisation: Organisation, boss: Client) -> None:
    assistant = make_assistant(department=organisation.finance, slug="finance", bases=[])
    with tenant_scope(organisation.tenant.pk):
        assistant.opening_questions = ["What's the “limit” of \\ {x}?"]
        assistant.save()
    shown = boss.post("/api-keys/add", filled(organisation, once=mark_in(boss.get("/api-keys/add"))))
    curl, python = (
        html.unescape(one) for one in re.findall(r'<pre class="code">(.*?)</pre>', shown.text, re.S)
    )
    body = shlex.split(curl.partition("\n")[2].replace("\\\n", ""))[-1]
    assert json.loads(body) == {
        "model": "assistant:finance",
        "messages": [{"role": "user", "content": "What's the “limit” of \\ {x}?"}],
    }
    assert ast.parse(python).body
    assert repr("What's the “limit” of \\ {x}?") in ast.unparse(ast.parse(python))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"clearance": "cosmic"},
        {"expires": "1"},
        {"department": ""},
        {"department": str(uuid4())},
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    organisation: Organisation, boss: Client, changes: dict[str, Any]
) -> None:
    refused(organisation, lambda: boss.post("/api-keys/add", filled(organisation, **changes)), 422)


def test_a_key_holds_no_more_than_its_maker(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.INTERNAL))
    data = filled(organisation, clearance="secret")
    refused(organisation, lambda: client.post("/api-keys/add", data), 422)


def test_revoking_says_since_when_it_was_used_and_is_for_good(
    organisation: Organisation, boss: Client
) -> None:
    made = organisation.key(organisation.finance)
    key = only_key(organisation)
    assert made.client.get("/api/v1/me").status_code == 200
    with tenant_scope(organisation.tenant.pk):
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(days=3))
    assert f'id="revoke-{key.pk}"' in boss.get("/api-keys/").text
    assert boss.post(f"/api-keys/{key.pk}/revoke").headers["Location"] == "/api-keys/"
    assert made.client.get("/api/v1/me").status_code == 401
    assert key.prefix not in boss.get("/api-keys/").text
    assert key.prefix in boss.get("/api-keys/?state=revoked").text
    before = state(organisation)
    boss.post(f"/api-keys/{key.pk}/revoke")
    assert state(organisation) == before


def test_a_list_asks_as_often_for_many_as_for_few(organisation: Organisation, boss: Client) -> None:
    boss.post("/api-keys/add", filled(organisation))
    organisation.key(organisation.energy)
    few = queries_of(boss, "/api-keys/")
    for _ in range(8):
        organisation.key(organisation.lending, KeyScope.SEARCH)
    assert queries_of(boss, "/api-keys/?state=all") == few


def test_the_same_page_sent_with_other_content_is_another_form(
    organisation: Organisation, boss: Client
) -> None:
    """A page that was duplicated, or changed after the back button."""
    data = filled(organisation, name="first")
    assert boss.post("/api-keys/add", data).status_code == 200
    assert boss.post("/api-keys/add", data | {"name": "second"}).status_code == 200
    again = boss.post("/api-keys/add", data | {"csrfmiddlewaretoken": "of another rendering"})
    assert again.headers["Location"] == "/api-keys/"
    with tenant_scope(organisation.tenant.pk):
        named = ApiKey.objects.filter(name__in=["first", "second"]).order_by("name")
        assert list(named.values_list("name", flat=True)) == ["first", "second"]
