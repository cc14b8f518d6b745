"""Assistants in the console: who may, what is shown, what happens to what was typed, and that nothing in it runs."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.assistants.models import Assistant, AssistantAccess, AssistantVersion
from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Role
from tests.controlplane.assistants.test_assistants_api import URL, knowledge_base
from tests.controlplane.chat.conversations import hold
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
ONE = "/assistants/rules/"
PAGES = ("", "access/", "versions/", "versions/1/", "api/")


def make(organisation: Organisation, slug: str = "rules", **content: Any) -> Assistant:
    """Of finance, as its key makes it."""
    body = {"slug": slug, "name": "制度助手", "department": "finance"} | content
    key = organisation.key(organisation.finance, *(s for s in KeyScope.values if s != KeyScope.ADMIN))
    made = key.client.post(URL, body, format="json")
    assert made.status_code == 201, made.json()
    return now(organisation, slug)


def now(organisation: Organisation, slug: str = "rules") -> Assistant:
    with tenant_scope(organisation.tenant.pk):
        return Assistant.objects.get(slug=slug)


def manager(organisation: Organisation, role: Role = Role.MANAGER) -> Client:
    """Of finance, who reads Chinese."""
    return in_chinese(signed_in(organisation.member(organisation.finance, role)))


def in_chinese(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "制度助手",
        "instructions": "",
        "route": "chat",
        "top_k": "6",
        "greeting": "",
        "opening_questions": [],
        "note": "",
        "version": "1",
    } | changes


def state(organisation: Organisation) -> tuple[Any, ...]:
    with tenant_scope(organisation.tenant.pk):
        return (
            list(Assistant.objects.order_by("slug").values_list("slug", "name", "enabled", "version")),
            AssistantVersion.objects.count(),
            AssistantAccess.objects.count(),
        )


def posts(client: Client) -> list[Any]:
    """Everything that changes something, and the trial."""
    return [
        client.post(ONE, form(name="taken over")),
        client.post(f"{ONE}switch", {"enabled": "off"}),
        client.post(f"{ONE}access/", {"departments": ["energy"]}),
        client.post(f"{ONE}versions/1/restore", {"version": "1"}),
        client.post(f"{ONE}delete"),
        client.post(f"{ONE}try", json.dumps({}), content_type="application/json"),
    ]


def test_the_list_shows_what_one_looks_after(organisation: Organisation) -> None:
    base = knowledge_base(organisation, name="授信制度")
    make(organisation, knowledge_bases=[str(base.pk)])
    page = manager(organisation).get("/assistants/")
    assert page.status_code == 200
    for text in ("制度助手", "授信制度", "Finance", "assistants/figures?slug=rules"):
        assert text in page.text
    energy = in_chinese(signed_in(organisation.member(organisation.energy, Role.MANAGER)))
    assert "制度助手" not in energy.get("/assistants/").text
    assert "还没有助手" in energy.get("/assistants/").text


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_managers_and_administrators_open_every_page(organisation: Organisation, role: Role) -> None:
    make(organisation)
    client = signed_in(organisation.member(organisation.finance, role))
    assert [client.get(ONE + page).status_code for page in PAGES] == [200] * len(PAGES)
    assert client.get("/assistants/new").status_code == 200
    assert client.get(f"{ONE}versions/7/").status_code == 404


def test_nobody_else_opens_or_changes_anything(organisation: Organisation, other: Organisation) -> None:
    make(organisation)
    before = state(organisation)
    member = signed_in(organisation.member(organisation.finance))
    neighbour = signed_in(organisation.member(organisation.energy, Role.MANAGER))
    beneath = signed_in(organisation.member(organisation.lending, Role.ADMIN))
    stranger = signed_in(other.member(other.root, Role.ADMIN))
    for client, status in ((member, 403), (neighbour, 404), (beneath, 404), (stranger, 404)):
        assert [client.get(ONE + page).status_code for page in PAGES] == [status] * len(PAGES)
        assert [answer.status_code for answer in posts(client)] == [status] * 6
    assert member.get("/assistants/").status_code == 403
    assert (
        member.post("/assistants/new", {"name": "x", "slug": "x", "department": "finance"}).status_code == 403
    )
    assert state(organisation) == before


def test_who_may_only_ask_it_does_not_edit_it(organisation: Organisation) -> None:
    """A manager elsewhere, to whom it was opened."""
    assistant = make(organisation)
    with tenant_scope(organisation.tenant.pk):
        AssistantAccess.objects.create(
            tenant=organisation.tenant,
            assistant=assistant,
            owning_department=organisation.finance,
            department=organisation.energy,
        )
    before = state(organisation)
    guest = signed_in(organisation.member(organisation.energy, Role.MANAGER))
    assert guest.get(ONE).status_code == 403
    assert [answer.status_code for answer in posts(guest)] == [403] * 6
    assert "制度助手" not in guest.get("/assistants/").text
    assert state(organisation) == before


def test_one_is_made_and_what_was_typed_stays_when_it_cannot(organisation: Organisation) -> None:
    client = manager(organisation)
    base = knowledge_base(organisation)
    sent = {"name": "新助手", "slug": "new-one", "department": "finance", "knowledge_bases": [str(base.pk)]}
    made = client.post("/assistants/new", sent)
    assert (made.status_code, made.headers["Location"]) == (302, "/assistants/new-one/")
    again = client.post("/assistants/new", sent)
    assert again.status_code == 409
    assert 'value="新助手"' in again.text
    foreign = client.post("/assistants/new", sent | {"slug": "two", "department": "energy"})
    assert foreign.status_code == 422
    assert [row[0] for row in state(organisation)[0]] == ["new-one"]


def test_saving_leaves_a_version_and_a_double_submit_leaves_one(organisation: Organisation) -> None:
    make(organisation)
    client = manager(organisation)
    sent = form(instructions="一\r\n二", opening_questions=[" 第一问 ", "", "第二问"], note="first")
    for _time in range(2):
        assert client.post(ONE, sent).headers["Location"] == ONE
    saved = now(organisation)
    assert (saved.version, saved.instructions) == (2, "一\n二")
    assert saved.opening_questions == ["第一问", "第二问"]
    assert state(organisation)[1] == 2


def test_a_conflict_shows_what_changed_and_keeps_what_was_typed(organisation: Organisation) -> None:
    make(organisation, instructions="alt")
    first, second = manager(organisation), manager(organisation)
    assert first.post(ONE, form(instructions="neu <b>")).status_code == 302
    late = second.post(ONE, form(instructions="meins & deins", opening_questions=["mine?"]))
    assert late.status_code == 409
    assert "meins &amp; deins" in late.text
    assert 'value="mine?"' in late.text
    assert "neu &lt;b&gt;" in late.text
    assert 'name="version" value="1"' in late.text
    assert now(organisation).instructions == "neu <b>"
    assert second.post(ONE, form(instructions="meins & deins", over="2")).status_code == 302
    saved = now(organisation)
    assert (saved.instructions, saved.version) == ("meins & deins", 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"top_k": "51"},
        {"opening_questions": [f"{n}?" for n in range(13)]},
        {"opening_questions": ["x" * 301]},
        {"knowledge_bases": ["0190b8a0-0000-7000-8000-000000000000"]},
        {"version": "x"},
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    organisation: Organisation, changes: dict[str, Any]
) -> None:
    make(organisation)
    before = state(organisation)
    refused = manager(organisation).post(ONE, form(instructions="typed", **changes))
    assert refused.status_code == 422
    assert "errorlist" in refused.text
    assert "typed" in refused.text
    assert state(organisation) == before


def test_hidden_bases_are_counted_and_stay(organisation: Organisation) -> None:
    secret, plain = knowledge_base(organisation, name="密级制度"), knowledge_base(organisation, name="plain")
    cleared = organisation.key(organisation.finance, clearance=Secrecy.SECRET).client
    with tenant_scope(organisation.tenant.pk):
        KnowledgeBase.objects.filter(pk=secret.pk).update(secrecy=Secrecy.SECRET)
    both = [str(secret.pk), str(plain.pk)]
    body = {"slug": "rules", "name": "制度助手", "department": "finance", "knowledge_bases": both}
    assert cleared.post(URL, body, format="json").status_code == 201
    client = manager(organisation)
    page = client.get(ONE).text
    assert "密级制度" not in page
    assert "另有 1 个您无权查看的知识库" in page
    assert client.post(ONE, form(knowledge_bases=[])).status_code == 302
    assert cleared.get(f"{URL}/rules").json()["knowledge_bases"] == [str(secret.pk)]
    assert "密级制度" not in client.get(f"{ONE}versions/2/").text


def test_nothing_that_was_typed_runs(organisation: Organisation) -> None:
    make(
        organisation,
        name=HOSTILE,
        instructions=HOSTILE,
        greeting=HOSTILE,
        route=HOSTILE,
        opening_questions=[HOSTILE],
    )
    client = manager(organisation)
    assert client.post(ONE, form(name=HOSTILE, note=HOSTILE, instructions=HOSTILE * 2)).status_code == 302
    pages = [client.get(ONE + page).text for page in (*PAGES, "versions/2/")]
    pages += [client.get("/assistants/").text, client.get(f"/assistants/routes?route={HOSTILE}").text]
    for text in pages:
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_access_is_given_and_taken(organisation: Organisation) -> None:
    make(organisation)
    client = manager(organisation)
    person = organisation.member(organisation.energy)
    sent = {"departments": ["lending"], "add": f"{person.email}\n"}
    assert client.post(f"{ONE}access/", sent).headers["Location"] == f"{ONE}access/"
    page = client.get(f"{ONE}access/").text
    assert person.email in page
    assert state(organisation)[2] == 2
    wrong = client.post(f"{ONE}access/", {"departments": ["energy"], "add": "nobody@example.org"})
    assert wrong.status_code == 422
    assert "nobody@example.org" in wrong.text
    assert state(organisation)[2] == 2
    assert client.post(f"{ONE}access/", {"people": [str(person.pk)]}).status_code == 302
    assert state(organisation)[2] == 1


def test_going_back_and_switching_and_deleting(organisation: Organisation) -> None:
    assistant = make(organisation, greeting="alt")
    client = manager(organisation)
    client.post(ONE, form(greeting="neu"))
    assert client.post(f"{ONE}versions/1/restore", {"version": "1"}).status_code == 302
    assert now(organisation).greeting == "neu"  # somebody had saved after the page was opened
    assert client.post(f"{ONE}versions/1/restore", {"version": "2"}).status_code == 302
    restored = now(organisation)
    assert (restored.greeting, restored.version) == ("alt", 3)
    client.post(f"{ONE}switch", {"enabled": "off"})
    assert now(organisation).enabled is False
    hold(asker=organisation.member(organisation.finance), assistant=assistant)
    assert "它的 1 个会话会保留" in client.get(ONE).text
    assert client.post(f"{ONE}delete").headers["Location"] == "/assistants/"
    assert state(organisation) == ([], 0, 0)
    assert client.get(ONE).status_code == 404


def test_the_figures_of_the_week(organisation: Organisation) -> None:
    assistant = make(organisation)
    make(organisation, slug="idle")
    hold(asker=organisation.member(organisation.finance), assistant=assistant)
    figures = manager(organisation).get("/assistants/figures?slug=rules&slug=idle").text
    assert "1 次提问" in figures
    assert "暂无提问" in figures


@pytest.mark.parametrize(
    "path", ["/assistants/", "/assistants/rules/versions/", "/assistants/figures?slug=rules"]
)
def test_lists_ask_the_database_as_often_for_many_as_for_one(organisation: Organisation, path: str) -> None:
    base = knowledge_base(organisation)
    make(organisation, knowledge_bases=[str(base.pk)])
    client = manager(organisation)
    client.post(ONE, form(greeting="0", knowledge_bases=[str(base.pk)]))
    client.get(path)
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    for number in range(4):
        make(organisation, slug=f"more-{number}", knowledge_bases=[str(base.pk)])
        client.post(ONE, form(greeting=f"x{number}", over=str(number + 2), knowledge_bases=[str(base.pk)]))
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(many) == len(one)


def test_the_models_of_the_field_are_told_without_any_engine(organisation: Organisation) -> None:
    answer = manager(organisation).get("/assistants/routes?route=gone")
    assert answer.status_code == 200
    assert '<option value="gone" selected>' in answer.text
    assert '<option value="chat"' in answer.text


def test_trying_needs_the_pages_own_token_and_is_never_kept(organisation: Organisation) -> None:
    """Another site's page cannot ask with somebody's session; and a question without a draft would be a conversation."""
    make(organisation)
    user = organisation.member(organisation.finance, Role.MANAGER)
    body = {"model": "x", "messages": [{"role": "user", "content": "?"}], "stream": True}
    client = signed_in(user)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    sent = json.dumps(body | {"karez": {"trace": True}})
    assert strict.post(f"{ONE}try", sent, content_type="application/json").status_code == 403
    for karez in ({}, {"trace": False}, {"draft": {"name": "x"}}, {"trace": True, "regenerate": True}):
        refused = client.post(
            f"{ONE}try", json.dumps(body | {"karez": karez}), content_type="application/json"
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")
    assert client.post(f"{ONE}try", "{", content_type="application/json").status_code == 400
    with tenant_scope(organisation.tenant.pk):
        assert not Conversation.objects.exists()
        assert not event_list(tenant_id=organisation.tenant.pk, action="assistant.tried").exists()


def test_the_pane_has_its_answer_rendered(organisation: Organisation) -> None:
    make(organisation)
    text = "**结论**[1]，[2]\n\n<img src=x onerror=alert(1)> ![x](https://evil.example/p.png)"
    answer = manager(organisation).post(f"{ONE}try/rendered", {"text": text, "run": "3", "known": ["1"]})
    assert answer.status_code == 200
    assert answer.text == (
        '<p><strong>结论</strong><span class="joined">&#8288;<a class="cite" href="#run-3-1">[1]</a></span>，[2]</p>\n'
        "<p>&lt;img src=x onerror=alert(1)&gt; "
        '<span class="image-as-text">![x](https://evil.example/p.png)</span></p>\n'
    )


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"run": "1"}, "text"),
        ({"text": "x" * 100_001, "run": "1"}, "text"),
        ({"text": "x", "run": '1-"><script>'}, "run"),
        ({"text": "x", "run": "1", "known": ["1000"]}, "known"),
    ],
)
def test_what_cannot_be_rendered_is_named(
    organisation: Organisation, sent: dict[str, object], field: str
) -> None:
    make(organisation)
    refused = manager(organisation).post(f"{ONE}try/rendered", sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")
    assert refused.json()["field"] == field


def test_only_who_may_try_has_answers_rendered(organisation: Organisation, other: Organisation) -> None:
    make(organisation)
    sent = {"text": "x", "run": "1"}
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = manager(organisation).cookies
    assert strict.post(f"{ONE}try/rendered", sent).status_code == 403
    assert (
        signed_in(organisation.member(organisation.finance)).post(f"{ONE}try/rendered", sent).status_code
        == 403
    )
    for stranger in (
        organisation.member(organisation.energy, Role.MANAGER),
        other.member(other.root, Role.ADMIN),
    ):
        assert signed_in(stranger).post(f"{ONE}try/rendered", sent).status_code == 404
    assert Client().post(f"{ONE}try/rendered", sent).status_code == 302
