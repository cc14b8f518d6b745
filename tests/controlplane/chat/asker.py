"""Somebody who attaches files to a conversation."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from controlplane.chat.models import Conversation
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.controlplane.documents.library import Library
from tests.controlplane.organisations import Key
from tests.rag.parsing.makers import pdf_of

SECRET = "The penalty of contract seven is nine percent of the price"
QUESTION = "What is the penalty of contract seven in percent of the price?"
READS = (KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may ask and read in finance, and write nowhere, with an empty conversation."""

    bank: Bank
    key: Key
    conversation: UUID

    @property
    def files(self) -> str:
        return f"/api/v1/conversations/{self.conversation}/files"

    @property
    def library(self) -> Library:
        return Library(self.bank.organisation, self.bank.key, str(self.bank.base))

    def attach(
        self, content: bytes = b"", name: str = "contract.pdf", client: APIClient | None = None
    ) -> Any:
        file = SimpleUploadedFile(name, content or pdf_of(SECRET))
        return (client or self.key.client).post(self.files, {"file": file}, format="multipart")

    def attached(self) -> str:
        """Ready: the document's id."""
        received = self.attach()
        assert received.status_code == 202, received.content
        self.library.work()
        return str(received.json()["id"])

    def ask(self, platform: Served, question: str = QUESTION) -> Any:
        karez = {"conversation_id": str(self.conversation)}
        return ask(platform.client(self.key.presented), question, extra_body={"karez": karez})


def make_asker(bank: Bank) -> Asker:
    key = bank.organisation.key(bank.organisation.finance, *READS)
    return Asker(bank, key, make_conversation(bank, key.principal.actor))


def make_conversation(bank: Bank, actor: str) -> UUID:
    from controlplane.assistants.models import Assistant

    tenant = bank.organisation.tenant
    with tenant_scope(tenant.pk):
        assistant = Assistant.objects.get(slug="finance")
        return Conversation.objects.create(tenant=tenant, actor=actor, assistant=assistant).pk


def traces(asker: Asker) -> dict[str, int]:
    return asker.library.traces()
