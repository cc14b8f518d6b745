"""What a developer copies to ask an assistant."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.examples import Example

_CURL = """curl {base}/chat/completions \\
  -H "Authorization: Bearer $KAREZ_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "{model}",
    "messages": [{{"role": "user", "content": "{question}"}}],
    "stream": true
  }}'"""
_PYTHON = """import os

from openai import OpenAI

client = OpenAI(base_url="{base}", api_key=os.environ["KAREZ_API_KEY"])
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "{question}"}}],
)
message = answer.choices[0].message
print(message.content)
for note in message.annotations or []:
    print(note.url_citation.title, note.url_citation.url)"""


def examples(*, slug: str) -> list[Example]:
    """By the address under which the platform is reached."""
    values = {
        "base": f"{settings.BASE_URL}/v1",
        "model": f"assistant:{slug}",
        "question": _("What applies to my case?"),
    }
    return [
        Example(gettext_lazy("Address"), values["base"]),
        Example(gettext_lazy("Model"), values["model"]),
        Example("curl", _CURL.format(**values)),
        Example("Python", _PYTHON.format(**values)),
    ]
