"""The trail in the console: read and verified by who administers the whole organisation, and told in words."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from controlplane.audit import selectors
from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.services import record, record_of_platform
from controlplane.chat.models import Conversation
from controlplane.console.audit_words import sentence
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.models import Role
from tests.controlplane.console.pages import askers, queries_of, refused
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation, platform_admin

VIEWS = ("/audit/", "/audit/export")


@pytest.fixture
def boss(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def note(organisation: Organisation, action: str, count: int = 1, **data: Any) -> None:
    with tenant_scope(organisation.tenant.pk):
        for _ in range(count):
            record(tenant_id=organisation.tenant.pk, actor="system", action=action, **data)


def test_only_who_administers_everything_reads_it(organisation: Organisation, other: Organisation) -> None:
    by = askers(organisation, other)
    note(organisation, "document.uploaded", target=f"document:{uuid4()}", filename="geheim.pdf", version=1)
    for client in (by.member, by.manager, by.department_admin):
        for address in (*VIEWS, "/platform/audit/", "/platform/audit/export"):
            refused(organisation, lambda c=client, a=address: c.get(a), 403)
        refused(organisation, lambda c=client: c.post("/audit/verify"), 403)
    assert by.tenant_admin.get("/platform/audit/").status_code == 403
    assert "geheim.pdf" in by.tenant_admin.get("/audit/").text
    assert "geheim.pdf" not in by.elsewhere.get("/audit/").text


def test_events_are_told_in_words_with_names(organisation: Organisation, boss: Client) -> None:
    user = organisation.member(organisation.finance)
    note(
        organisation,
        "membership.changed",
        target=f"user:{user.pk}",
        department="finance",
        role="manager",
        clearance="secret",
    )
    note(organisation, "document.uploaded", filename="<img src=x>.pdf", version=2)
    note(organisation, "future.happened", target="thing:1")
    english = boss.get("/audit/", headers={"Accept-Language": "en"}).text
    assert f"made {user.email} knowledge manager in finance, cleared for secret" in english
    assert "<img src=x>" not in english
    assert "future.happened" in english
    assert f'href="/people/{user.pk}/"' in english
    assert "知识管理员" in boss.get("/audit/", headers={"Accept-Language": "zh-CN"}).text


def test_what_still_exists_and_may_be_seen_is_a_link(organisation: Organisation, boss: Client) -> None:
    with tenant_scope(organisation.tenant.pk):
        held = Conversation.objects.create(
            tenant=organisation.tenant,
            actor="user:somebody",
            title="井<渠>",
            department=organisation.finance,
        )
    gone = uuid4()
    note(organisation, "question.asked", target="message:1", conversation=str(held.pk), question="?")
    note(organisation, "conversation.renamed", target=f"conversation:{gone}")
    page = boss.get("/audit/").text
    assert f'<a href="/conversations/{held.pk}/">井&lt;渠&gt;</a>' in page
    assert f"/conversations/{gone}/" not in page


def test_words_survive_events_with_less_or_more_in_them() -> None:
    assert sentence(action="document.uploaded", data={}, target="")
    assert "%" in sentence(action="question.asked", data={"question": "100 %(x)s"}, target="")


def test_filters_narrow_and_junk_is_no_error(organisation: Organisation, boss: Client) -> None:
    user = organisation.member(organisation.finance)
    note(organisation, "document.uploaded", target="document:7", filename="wells.pdf", version=1)
    events = re.compile(r'class="event"')
    assert len(events.findall(boss.get("/audit/?group=document.*").text)) == 1
    assert len(events.findall(boss.get("/audit/?target=document:7").text)) == 1
    assert len(events.findall(boss.get("/audit/?q=wells").text)) == 1
    assert not events.findall(boss.get("/audit/?from=2999-01-01").text)
    assert not events.findall(boss.get("/audit/?to=2001-01-01").text)
    assert not events.findall(boss.get(f"/audit/?who={user.email}").text)
    assert not events.findall(boss.get("/audit/?who=nobody-at-all").text)
    assert "wells.pdf" in boss.get("/audit/?who=system").text
    for junk in (
        "from=x",
        "to=2026-13-40",
        "before=abc",
        "before=" + "9" * 40,
        "who=%00",
        "q=%00",
        "group=x",
    ):
        assert boss.get(f"/audit/?{junk}").status_code == 200


def test_pages_go_on_where_the_last_ended(organisation: Organisation, boss: Client) -> None:
    note(organisation, "document.indexed", 60)
    seen, address = 0, "?"
    for _ in range(5):
        page = boss.get(f"/audit/{address}").text
        seen += page.count('class="event"')
        older = re.search(r'href="(\?[^"]*before=\d+)" rel="next"', page)
        if older is None:
            break
        address = older[1]
    with tenant_scope(organisation.tenant.pk):
        head = selectors.chain_head(tenant_id=organisation.tenant.pk)
    assert head is not None
    assert seen == head.sequence


def test_a_list_asks_as_often_for_many_as_for_few(organisation: Organisation, boss: Client) -> None:
    few = queries_of(boss, "/audit/")
    note(organisation, "document.indexed", 30)
    assert queries_of(boss, "/audit/") == few


def test_a_long_chain_is_verified_in_steps(
    organisation: Organisation, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(organisation, "document.indexed", 10)
    short = selectors.verification_step
    monkeypatch.setattr(
        "controlplane.console.views.audit.verification_step",
        lambda *, tenant_id, progress: short(tenant_id=tenant_id, progress=progress, most=4),
    )
    answer, steps = boss.post("/audit/verify"), 1
    while state := re.search(r'"state": "([^"]+)"', answer.text.replace("&quot;", '"')):
        answer, steps = boss.post("/audit/verify", {"state": state[1]}), steps + 1
    assert steps > 3
    assert "notice--success" in answer.text


def test_a_forged_or_foreign_state_begins_anew(
    organisation: Organisation, other: Organisation, boss: Client
) -> None:
    foreign = signed_in(other.member(other.root, Role.ADMIN))
    state = re.search(r'"state": "([^"]+)"', foreign.post("/audit/verify").text)
    for sent in ("x", "", state[1] if state else "y:z"):
        assert "notice--success" in boss.post("/audit/verify", {"state": sent}).text


def test_an_export_holds_what_was_filtered_and_is_an_event(organisation: Organisation, boss: Client) -> None:
    note(organisation, "document.uploaded", filename="=cmd()", version=1)
    answer = boss.get("/audit/export?group=document.*")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[arg-type]
    assert "document.uploaded" in text
    assert "department.created" not in text
    assert "audit.exported" in boss.get("/audit/?group=audit.*").text


def test_an_export_of_nobody_in_particular_is_refused(organisation: Organisation, boss: Client) -> None:
    answer = boss.get("/audit/export?who=nobody-of-that-name")
    assert (answer.status_code, "actor_unclear" in answer.text) == (422, True)
    assert "audit.exported" not in boss.get("/audit/?group=audit.*").text


def test_the_link_of_the_export_is_filtered_with_the_list(boss: Client) -> None:
    page = boss.get("/audit/?group=document.*")
    assert 'id="export" href="/audit/export?group=document.%2A"' in page.text
    assert 'hx-select-oob="#export"' in page.text


def test_the_platforms_own_chain_is_for_its_administrators(organisation: Organisation) -> None:
    admin = platform_admin()
    with platform_scope():
        record_of_platform(actor="system", action="user.password_reset", target=f"user:{admin.pk}")
    client = signed_in(admin)
    assert "user.password_reset" in client.get("/platform/audit/").text
    assert client.get("/audit/").status_code == 403
    assert client.post("/platform/audit/verify").status_code == 200
    export = client.get("/platform/audit/export")
    assert export.status_code == 200
    assert str(PLATFORM_CHAIN) not in export.headers["Content-Disposition"]
