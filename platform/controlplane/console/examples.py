"""Calls to try with a new key, for what it may do."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.identity.models import KeyScope


@dataclass(frozen=True, slots=True)
class Example:
    title: str | Promise
    text: str


def key_examples(*, key: str, scopes: Collection[str], model: str, question: str) -> list[Example]:
    """With curl and Python: a question where the key may ask one, else a list that it may read."""
    base, export = settings.BASE_URL.rstrip("/"), f"export KAREZ_API_KEY='{key}'"
    if KeyScope.CHAT in scopes:
        said = json.dumps(question, ensure_ascii=False)
        body = _CURL_CHAT.format(base=base, model=model, question=said.replace("'", "\\u0027"))
        return [
            Example("curl", f"{export}\n{body}"),
            Example("Python (openai)", _PYTHON_CHAT.format(base=base, key=key, model=model, question=said)),
        ]
    address = f"{base}/api/v1/{_read_by(scopes)}"
    return [
        Example("curl", f"{export}\n" + _CURL_LIST.format(address=address)),
        Example("Python (httpx)", _PYTHON_LIST.format(address=address, key=key)),
    ]


SCOPE_WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    KeyScope.CHAT: (_("Ask"), _("Ask assistants and models through the OpenAI protocol.")),
    KeyScope.SEARCH: (_("Search"), _("Search knowledge bases and get passages.")),
    KeyScope.DOCUMENTS_READ: (
        _("Read documents"),
        _("List knowledge bases and documents, and download them."),
    ),
    KeyScope.DOCUMENTS_WRITE: (_("Change documents"), _("Upload, replace and delete documents.")),
    KeyScope.ADMIN: (
        _("Administer"),
        _("Make keys, departments and memberships. Give this to a program only if it must."),
    ),
}


def _read_by(scopes: Collection[str]) -> str:
    return "knowledge-bases" if KeyScope.DOCUMENTS_READ in scopes else "me"


_CURL_CHAT = """curl {base}/v1/chat/completions \\
  -H "Authorization: Bearer $KAREZ_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": {question}}}]}}'"""

_PYTHON_CHAT = """from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="{key}")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": {question}}}],
)
print(answer.choices[0].message.content)"""

_CURL_LIST = """curl {address} -H "Authorization: Bearer $KAREZ_API_KEY\""""

_PYTHON_LIST = """import httpx

answer = httpx.get("{address}", headers={{"Authorization": "Bearer {key}"}})
print(answer.json())"""
