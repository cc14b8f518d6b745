"""The token with which a chat acts for a person: what ends it, and how little it can do."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import signing
from django.urls import get_resolver
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity import chat_tokens
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.selectors import principal_now
from controlplane.tenants.models import Membership, Role
from tests.controlplane.api.openai.conftest import Served, served
from tests.controlplane.api.test_every_endpoint import ALL, METHODS, example, paths
from tests.controlplane.api.test_real_objects import World, call, methods, snapshot, worlds
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation, client_of, platform_admin

__all__ = ["served", "worlds"]
ADDRESS = "/api/v1/session/token"
# For whoever comes: a token changes nothing about them.
WITHOUT_CREDENTIAL = ("api/v1/session", "api/v1/setup")
ADMINISTRATION = ("members", "people", "api-keys", "audit-events")
API = [path for path in ALL if path.startswith("api/v1/")]
PAGES = [path for path in paths(get_resolver().url_patterns) if path not in ALL]


def token_of(user: User, **headers: str) -> str:
    return str(signed_in(user).get(ADDRESS, **headers).json()["token"])


def refused(token: str) -> bool:
    """By both planes alike; asked of the one here, of the other by `test_the_data_plane…`."""
    response = client_of(token).get("/api/v1/me")
    if response.status_code == 401:
        assert response.json()["code"] == "invalid_credential"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    return response.status_code == 401


def test_it_is_made_for_who_has_signed_in(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    response = signed_in(user).get(ADDRESS)
    body = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert body["user"] == {"id": str(user.pk), "name": "", "email": user.email}
    assert body["tenant"] == {
        "id": str(organisation.tenant.pk),
        "slug": organisation.tenant.slug,
        "name": "Organisation",
    }
    assert body["token"].startswith("kt_")
    assert body["console"] is False
    ends = parse_datetime(body["expires_at"])
    assert ends is not None
    assert timedelta(minutes=4, seconds=50) < ends - timezone.now() <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("role", "console"), [(Role.MANAGER, True), (Role.ADMIN, True), (Role.MEMBER, False)]
)
def test_whoever_manages_something_may_use_the_console(
    organisation: Organisation, role: Role, console: bool
) -> None:
    user = organisation.member(organisation.lending, role)
    assert signed_in(user).get(ADDRESS).json()["console"] is console


def test_it_acts_as_the_person_with_a_members_rights(organisation: Organisation) -> None:
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.CONFIDENTIAL)
    me = client_of(token_of(user)).get("/api/v1/me").json()
    assert me["actor"] == f"user:{user.pk}"
    assert set(me["scopes"]) == {"chat", "search", "documents:read"}
    assert (me["clearance"], len(me["read_departments"])) == ("confidential", 4)
    assert (me["write_departments"], me["admin_departments"]) == ([], [])
    assert (me["is_admin"], me["is_platform_admin"]) == (False, False)


def test_somebody_without_an_organisation_gets_none(db: None) -> None:
    response = signed_in(platform_admin()).get(ADDRESS)
    assert (response.status_code, response.json()["code"]) == (403, "no_tenant")


def test_a_key_and_a_token_make_no_token(organisation: Organisation) -> None:
    key = organisation.key(organisation.root, *KeyScope.values).presented
    token = token_of(organisation.member(organisation.root, Role.ADMIN))
    for presented in (key, token):
        response = client_of(presented).get(ADDRESS)
        assert (response.status_code, response.json()["code"]) == (403, "session_needed")
        assert "token" not in response.json()


def test_it_ends_after_five_minutes(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now)
    token = token_of(organisation.member(organisation.finance))
    assert not refused(token)
    monkeypatch.setattr(signing.time, "time", lambda: now + 299)
    assert not refused(token)
    monkeypatch.setattr(signing.time, "time", lambda: now + 301)
    assert refused(token)


def test_a_token_that_was_tampered_with_is_refused(organisation: Organisation, other: Organisation) -> None:
    user = organisation.member(organisation.finance)
    token = token_of(user)
    content, at, signature = token.removeprefix("kt_").split(".")
    mark = chat_tokens._session_mark(user)
    forged = {"user": str(user.pk), "tenant": str(other.tenant.pk), "session": mark}
    elsewhere = signing.TimestampSigner(salt="another", sep=".").sign_object(forged)
    for presented in (
        f"kt_{content[:-2]}xx.{at}.{signature}",
        f"kt_{content}.zzzzzz.{signature}",
        f"kt_{content}.{at}.{signature[:-1]}",
        f"kt_{content}.{at}",
        f"kt_{elsewhere}",
        f"kt_{signing.dumps(forged)}",
        f"kt_{token}",
        "kt_",
        "kt_" + "x" * 5000,
        "kt_é.ü.ß",
    ):
        assert refused(presented), presented


def test_it_holds_in_the_tenant_it_was_made_for(organisation: Organisation, other: Organisation) -> None:
    user = organisation.member(organisation.finance)
    with tenant_scope(other.tenant.pk):
        Membership.objects.create(tenant=other.tenant, user=user, department=other.energy)
    client = client_of(token_of(user, HTTP_X_KAREZ_TENANT=str(other.tenant.pk)))
    assert client.get("/api/v1/me").json()["tenant"] == str(other.tenant.pk)
    # The header that chooses among a session's tenants has no say here.
    named = client.get("/api/v1/me", HTTP_X_KAREZ_TENANT=str(organisation.tenant.pk))
    assert named.json()["tenant"] == str(other.tenant.pk)
    with tenant_scope(other.tenant.pk):
        Membership.objects.filter(user=user, tenant=other.tenant).delete()
    assert refused(token_of_tenant(user, other.tenant.pk))


def token_of_tenant(user: User, tenant_id: UUID) -> str:
    """As it was signed while the person belonged there."""
    content = {"user": str(user.pk), "tenant": str(tenant_id), "session": chat_tokens._session_mark(user)}
    return "kt_" + chat_tokens._signer().sign_object(content)


def test_a_tenant_that_was_never_the_persons_is_refused(
    organisation: Organisation, other: Organisation
) -> None:
    assert refused(token_of_tenant(organisation.member(organisation.finance), other.tenant.pk))


def deactivate(user: User) -> None:
    with scoped(Scope(user_id=user.pk)):
        User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    sent = {"current": PASSWORD, "new": "quiet-channel-11"}
    assert signed_in(user).post("/api/v1/me/password", sent, format="json").status_code == 204


def leave(user: User) -> None:
    with scoped(Scope(user_id=user.pk)):
        tenant_id = Membership.objects.get(user=user).tenant_id
    with tenant_scope(tenant_id):
        Membership.objects.filter(user=user).delete()


@pytest.mark.parametrize("end", [deactivate, change_password, leave])
def test_it_ends_at_once_with(committed_organisation: Organisation, end: Any) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    token = token_of(user)
    assert not refused(token)
    end(user)
    assert refused(token)


def test_fewer_rights_take_effect_at_once(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, clearance=Secrecy.SECRET)
    client = client_of(token_of(user))
    with tenant_scope(organisation.tenant.pk):
        Membership.objects.filter(user=user).update(clearance=Secrecy.PUBLIC)
    assert client.get("/api/v1/me").json()["clearance"] == "public"


def test_the_password_cannot_be_changed_with_it(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    sent = {"current": PASSWORD, "new": "quiet-channel-11"}
    response = client_of(token_of(user)).post("/api/v1/me/password", sent, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "session_needed")
    assert signed_in(user).get("/api/v1/me").status_code == 200


def test_services_that_ask_again_grant_no_more(organisation: Organisation) -> None:
    """What waits for a lock reads anew what its principal holds: for a token that is a member's rights."""
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    principal = chat_tokens.principal_of_token(presented=token_of(user))
    assert principal is not None
    with scoped(principal.scope()):
        now = principal_now(principal=principal)
        assert now == principal
        with pytest.raises(Forbidden):
            now.require_admin(organisation.root.pk)


def allowed(path: str, method: str) -> bool:
    """What the chat is there for: reading, asking, and the person's own conversations and feedback."""
    kind = path.removeprefix("api/v1/").partition("/")[0]
    if kind in ("conversations", "messages"):
        return True
    return (kind, method) == ("search", "POST")


@pytest.mark.parametrize("path", API)
def test_an_administrators_token_changes_nothing(
    committed: None, worlds: tuple[World, World], superuser_dsn: str, path: str
) -> None:
    world, _ = worlds
    admin = world.organisation.member(world.organisation.root, Role.ADMIN, Secrecy.SECRET)
    client = client_of(token_of(admin))
    address = world.address(path) if "<" in path else example(path)
    before = snapshot(superuser_dsn, world.organisation)
    for method in methods(address):
        if method == "GET" or allowed(path, method) or path in WITHOUT_CREDENTIAL:
            continue
        response = call(client, path, address, method)
        assert response.status_code in (403, 404), (method, path, response.status_code)
    assert snapshot(superuser_dsn, world.organisation) == before


@pytest.mark.parametrize("path", [path for path in API if path.startswith(ADMINISTRATION, len("api/v1/"))])
def test_an_administrators_token_reads_no_administration(
    committed_organisation: Organisation, path: str
) -> None:
    organisation = committed_organisation
    client = client_of(token_of(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)))
    for method in METHODS:
        response = client.generic(method, example(path), "{}", content_type="application/json")
        assert response.status_code in (403, 405), (method, path, response.status_code)
    with tenant_scope(organisation.tenant.pk):
        assert ApiKey.objects.count() == 0


def test_the_platforms_administrator_lends_nothing_of_that(organisation: Organisation) -> None:
    user = platform_admin()
    with tenant_scope(organisation.tenant.pk):
        Membership.objects.create(tenant=organisation.tenant, user=user, department=organisation.energy)
    client = client_of(token_of(user))
    assert [t["slug"] for t in client.get("/api/v1/tenants").json()["results"]] == [organisation.tenant.slug]
    new = {"slug": "x", "name": "X", "admin": {"email": "a@example.org"}}
    assert client.post("/api/v1/tenants", new, format="json").status_code == 403


def test_asking_for_tokens_is_throttled(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.identity.throttles.ChatTokenByActor.most", 3)
    client = signed_in(organisation.member(organisation.finance))
    assert [client.get(ADDRESS).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get("/api/v1/me").status_code == 200


def test_the_data_plane_knows_it(committed_organisation: Organisation, served: Served) -> None:
    import openai

    user = committed_organisation.member(committed_organisation.finance)
    token = token_of(user)
    listed = served.client(token).models.list().data
    assert "use" in [row.id for row in listed]
    change_password(user)
    for presented in (token, "kt_x.y.z"):
        with pytest.raises(openai.AuthenticationError) as error:
            served.client(presented).models.list()
        assert error.value.code == "invalid_credential"


def test_the_pages_of_the_console_do_not_know_it(organisation: Organisation) -> None:
    """They answer as to somebody who has not signed in: most of them by leading to the sign-in."""
    administrator = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    with_token, nobody, browser = client_of(token_of(administrator)), APIClient(), signed_in(administrator)

    def answer(client: APIClient, path: str) -> tuple[int, str | None]:
        response = client.get(example(path))
        return response.status_code, response.headers.get("Location")

    answers = {path: answer(nobody, path) for path in PAGES}
    assert {path: answer(with_token, path) for path in PAGES} == answers
    behind = [path for path, (_, location) in answers.items() if location and "/sign-in?" in location]
    assert len(behind) >= 40
    assert "usage/" in behind
    assert answer(browser, "usage/") == (200, None)


def test_nobody_is_signed_in_by_it(organisation: Organisation) -> None:
    client = client_of(token_of(organisation.member(organisation.finance)))
    assert "sessionid" not in client.get("/api/v1/me").cookies
    assert APIClient().get(ADDRESS).status_code == 401
