"""The search of the whole console: each finds what they may open, and nothing else."""

import pytest
from django.test import Client

from controlplane.assistants.access import access_set
from controlplane.assistants.models import Assistant
from controlplane.core.scope import scoped, tenant_scope
from controlplane.documents.file_names import name_index
from controlplane.documents.models import Document
from controlplane.tenants.models import Role
from tests.controlplane.chat.conversations import hold
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.organisations import Organisation

PART = {"HX-Request": "true"}


@pytest.fixture
def finance(organisation: Organisation) -> Organisation:
    """With something of each kind that is called 授信."""
    base = make_base(department=organisation.finance, name="授信制度", texts=[Text("授信办法", "最高70%。")])
    with tenant_scope(organisation.tenant.pk):
        for document in Document.objects.all():
            document.filename = "授信<b>办法.docx"
            document.save()
            name_index(document=document)
    assistant = make_assistant(department=organisation.finance, slug="finance", bases=[base])
    hold(asker=organisation.member(organisation.finance), assistant=assistant, question="授信要几级审批？")
    return organisation


def hits(client: Client, text: str) -> str:
    answer = client.get("/search/", {"q": text}, headers=PART)
    assert answer.status_code == 200
    return answer.text


def test_a_manager_finds_things_of_every_kind(finance: Organisation) -> None:
    found = hits(signed_in(finance.member(finance.finance, Role.MANAGER)), "授信")
    for path in ("/knowledge/", "/documents/", "/conversations/"):
        assert f'href="{path}' in found
    assert "授信&lt;b&gt;办法.docx" in found
    assert "<b>" not in found


def test_pages_are_found_by_their_names_and_listed_without_a_text(finance: Organisation) -> None:
    admin = signed_in(finance.member(finance.root, Role.ADMIN))
    assert 'href="/audit/"' in hits(admin, "")
    assert 'href="/audit/"' in hits(admin, "audit")
    manager = signed_in(finance.member(finance.finance, Role.MANAGER))
    assert 'href="/audit/"' not in hits(manager, "")


def test_nobody_else_finds_them(finance: Organisation, other: Organisation) -> None:
    for stranger in (
        finance.member(finance.energy, Role.ADMIN),
        finance.member(finance.finance),
        other.member(other.root, Role.ADMIN),
    ):
        found = hits(signed_in(stranger), "授信")
        assert "palette__hit" not in found


@pytest.mark.parametrize("text", ["%", "_", "\x00", "'\"<script>", "授" * 500, " "])
def test_hostile_texts(finance: Organisation, text: str) -> None:
    found = hits(signed_in(finance.member(finance.root, Role.ADMIN)), text)
    assert "<script>" not in found


def test_the_page_of_its_own(finance: Organisation) -> None:
    page = signed_in(finance.member(finance.finance, Role.MANAGER)).get("/search/?q=授信")
    assert page.text.startswith("<!doctype html>")
    assert 'value="授信"' in page.text


def test_an_assistant_that_one_may_only_ask_is_not_there_to_be_edited(finance: Organisation) -> None:
    """Opened to energy, whose manager may ask it: its page is for who looks after finance."""
    with scoped(finance.system().scope()):
        assistant = Assistant.objects.get(slug="finance")
        access_set(principal=finance.system(), assistant=assistant, departments=["energy"], people=[])
    client = signed_in(finance.member(finance.energy, Role.MANAGER))
    assert "finance" in [row["slug"] for row in client.get("/api/v1/assistants").json()["results"]]
    assert 'href="/assistants/finance/"' not in hits(client, "finance")
    own = signed_in(finance.member(finance.finance, Role.MANAGER))
    assert 'href="/assistants/finance/"' in hits(own, "finance")
