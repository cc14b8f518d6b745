"""What concerns people of no tenant, and the platform's administrators, is told in a chain of its own."""

from io import StringIO
from uuid import uuid4

from django.core.management import call_command
from rest_framework.test import APIClient

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list, verify
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope, User
from controlplane.identity.services import password_reset, user_create
from controlplane.tenants.models import Role
from tests.controlplane.identity.test_administration import join
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation, platform_admin

EVENTS = "/api/v1/audit-events"


def told(user: User) -> list[tuple[str, str]]:
    """Of the person, oldest first."""
    names = {f"user:{user.pk}"}
    with scoped(Scope(tenant_id=PLATFORM_CHAIN, administers=True)):
        events = event_list(tenant_id=PLATFORM_CHAIN)
        return [(e.actor, e.action) for e in events if {e.actor, e.target} & names][::-1]


def test_administrators_of_the_platform_leave_a_trail(committed_organisation: Organisation) -> None:
    user = platform_admin()
    actor = f"user:{user.pk}"
    body = {"email": user.email, "password": "wrong-password"}
    assert APIClient().post("/api/v1/session", body, format="json").status_code == 403
    client = signed_in(user)
    change = {"current": PASSWORD, "new": "quiet-channel-10"}
    assert client.post("/api/v1/me/password", change, format="json").status_code == 204
    assert client.delete("/api/v1/session").status_code == 204
    with platform_scope():
        password_reset(actor="system", user=user, password=PASSWORD)
    assert told(user) == [
        ("system", "user.created"),
        ("system", "session.refused"),
        (actor, "session.started"),
        (actor, "user.password_changed"),
        (actor, "session.ended"),
        ("system", "user.password_reset"),
    ]


def test_somebody_of_no_tenant_leaves_a_trail(committed_organisation: Organisation) -> None:
    with platform_scope():
        user = user_create(actor="system", email=f"{uuid4().hex}@example.org", password=PASSWORD)
    client = signed_in(user)
    assert told(user) == [("system", "user.created"), (f"user:{user.pk}", "session.started")]
    assert client.get(f"{EVENTS}?chain=platform").status_code == 403


def test_somebody_of_several_tenants_leaves_one_in_each(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.finance)
    join(other, user, other.energy, Role.MEMBER, Secrecy.PUBLIC)
    signed_in(user).delete("/api/v1/session")
    for each in (organisation, other):
        with tenant_scope(each.tenant.pk):
            actions = [e.action for e in event_list(tenant_id=each.tenant.pk, actor=f"user:{user.pk}")]
        assert actions == ["session.ended", "session.started"]
    assert told(user) == []


def test_only_administrators_of_the_platform_read_it(organisation: Organisation) -> None:
    client = signed_in(platform_admin())
    listed = client.get(f"{EVENTS}?chain=platform").json()["results"]
    assert [e["action"] for e in listed[:2]] == ["session.started", "user.created"]
    verified = client.post(f"{EVENTS}/verify?chain=platform").json()
    assert (verified["intact"], verified["links"]) == (True, listed[0]["sequence"])
    assert client.get(EVENTS).status_code == 403
    tenants = organisation.key(organisation.root, *KeyScope.values).client
    for refused in (tenants.get(f"{EVENTS}?chain=platform"), tenants.post(f"{EVENTS}/verify?chain=platform")):
        assert refused.status_code == 403
        assert refused.json()["remedy"]


def test_the_command_verifies_it(committed_organisation: Organisation) -> None:
    platform_admin()
    with scoped(Scope(tenant_id=PLATFORM_CHAIN, administers=True)):
        links = verify(tenant_id=PLATFORM_CHAIN).links
    assert links >= 1
    out = StringIO()
    slug = committed_organisation.tenant.slug
    call_command("audit", "verify", tenant=slug, stdout=out)
    assert "(platform)" not in out.getvalue()


def test_the_trail_is_listed_in_the_order_of_its_chain(organisation: Organisation) -> None:
    admin = organisation.key(organisation.root, *KeyScope.values).client
    sequences, url = [], f"{EVENTS}?limit=2"
    while url:
        page = admin.get(url).json()
        sequences += [e["sequence"] for e in page["results"]]
        url = page["next"]
    assert sequences == [5, 4, 3, 2, 1]
    junk = admin.get(f"{EVENTS}?cursor=cD1ub25zZW5zZQ%3D%3D")
    assert (junk.status_code, junk.json()["code"]) == (422, "invalid_cursor")
