"""Asks one question through the public API and prints the cited answer: `… first_question var/access.json --address URL`.

It is the operator's proof that the whole chain works, so it goes the way a client goes: HTTP, an API key, the
OpenAI protocol, streaming. Exit status 1 with a reason on any other outcome than an answer.
"""

import argparse
import json
import os
import ssl
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

PACKS = Path("platform/controlplane/assistants/packs")
ASSISTANT_PREFIX = "assistant:"
DEFAULT_QUESTION = "这个知识库里有哪些规定？"
CONNECT_SECONDS = 5.0
FIRST_TOKEN_SECONDS = 180.0
LINE_COLUMNS = 90


class NotAnswered(Exception):
    """The message says why."""


@dataclass(frozen=True, slots=True)
class Department:
    base_url: str
    slug: str
    model: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    index: int
    title: str
    page: int | None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("access", type=Path)
    parser.add_argument("--address", help="instead of the one in the file")
    parser.add_argument("--certificate", type=Path, help="which the server must show, whatever name is in it")
    options = parser.parse_args(arguments)
    try:
        department = first_department(json.loads(options.access.read_text(encoding="utf-8")))
        if options.address:
            department = replace(department, base_url=options.address)
        question = opening_question(slug=department.slug)
        print(f"{department.model}  ? {question}", flush=True)
        ask(department=department, question=question, verify=pinned(options.certificate))
    except (NotAnswered, OSError, ValueError, KeyError) as error:
        print(f"no answer: {error}")
        return 1
    return 0


def first_department(access: dict[str, object]) -> Department:
    """Of the first tenant in access.json. Raises NotAnswered when the demonstration tenant has none."""
    tenants = access.get("tenants")
    departments = tenants[0]["departments"] if isinstance(tenants, list) and tenants else []
    if not departments:
        raise NotAnswered("the demonstration tenant has no department")
    first = departments[0]
    assistant = str(first["assistant"])
    model = assistant if assistant.startswith(ASSISTANT_PREFIX) else ASSISTANT_PREFIX + assistant
    return Department(
        base_url=str(access["base_url"]), slug=str(first["slug"]), model=model, api_key=str(first["api_key"])
    )


def opening_question(*, slug: str) -> str:
    """The first one the department's demonstration pack suggests, or KAREZ_QUESTION."""
    chosen = os.environ.get("KAREZ_QUESTION", "")
    try:
        pack = tomllib.loads((PACKS / slug / "pack.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return chosen or DEFAULT_QUESTION
    suggested = pack.get("assistant", {}).get("opening_questions_zh", [])
    return chosen or (suggested[0] if suggested else DEFAULT_QUESTION)


def pinned(certificate: Path | None) -> ssl.SSLContext | bool:
    """Trust that certificate and no other; its name is that of the platform, and we come by another one."""
    if certificate is None:
        return True
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def ask(*, department: Department, question: str, verify: ssl.SSLContext | bool = True) -> None:
    """Stream the answer to stdout, then its citations. Raises NotAnswered."""
    body = {
        "model": department.model,
        "stream": True,
        "messages": [{"role": "user", "content": question}],
    }
    headers = {"Authorization": f"Bearer {department.api_key}"}
    timeout = httpx.Timeout(FIRST_TOKEN_SECONDS, connect=CONNECT_SECONDS)
    url = f"{department.base_url}/v1/chat/completions"
    citations: list[Citation] = []
    answer = Lines()
    try:
        # The address is this machine's: a proxy of the environment has no part in it.
        with (
            httpx.Client(timeout=timeout, trust_env=False, verify=verify) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise NotAnswered(f"HTTP {response.status_code}: {response.read().decode()[:500]}")
            for delta in deltas(response.iter_lines()):
                answer.write(str(delta.get("content") or ""))
                citations += read_citations(delta.get("annotations"))
    except httpx.HTTPError as error:
        raise NotAnswered(f"{url}: {error!r}") from error
    if not answer.characters:
        raise NotAnswered("the answer was empty")
    show_citations(citations)


def deltas(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """The `delta` objects of a stream of chat completion chunks. Raises NotAnswered for an error event."""
    for line in lines:
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        event = json.loads(data)
        if "error" in event:
            raise NotAnswered(str(event["error"]))
        for choice in event.get("choices", []):
            yield choice.get("delta") or {}


class Lines:
    """Text that arrives in pieces, written to stdout in lines of a readable length."""

    def __init__(self) -> None:
        self.characters = 0
        self._column = 0

    def write(self, text: str) -> None:
        for character in text:
            if character == "\n" or self._column >= LINE_COLUMNS:
                sys.stdout.write("\n")
                self._column = 0
            if character != "\n":
                sys.stdout.write(character)
                self._column += 1 if character.isascii() else 2
        self.characters += len(text.strip())
        sys.stdout.flush()


def read_citations(annotations: object) -> list[Citation]:
    found: list[Citation] = []
    for annotation in annotations if isinstance(annotations, list) else []:
        source, cited = annotation.get("karez", {}), annotation.get("url_citation", {})
        index = source.get("index")
        found.append(
            Citation(
                index=index if isinstance(index, int) else len(found) + 1,
                title=str(cited.get("title", "")),
                page=source.get("page"),
            )
        )
    return found


def show_citations(citations: list[Citation]) -> None:
    print()
    for citation in sorted(set(citations), key=lambda one: (one.index, one.title)):
        page = f", page {citation.page}" if citation.page else ""
        print(f"[{citation.index}] {citation.title}{page}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
