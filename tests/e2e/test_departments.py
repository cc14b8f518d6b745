"""The three departments' question sets, asked as an integrating developer would: with the unmodified `openai` client."""

import os
import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from openai import OpenAI

from controlplane.assistants.packs import Pack, PackQuestion, load_pack, pack_slugs
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SECONDS = 180.0
ALL_QUESTIONS = "KAREZ_ALL_QUESTIONS"


@dataclass(frozen=True, slots=True)
class Floors:
    """Of 15 unanswerable questions, and of 45 answerable ones. Below the figures that bench/README.md records for the model:
    its sampling is greedy, but which of two requests shares a batch changes a word now and then.

    `every`: only each fourth question is asked of a model that cannot judge anyway, for all of them take nine minutes of the
    suite's; KAREZ_ALL_QUESTIONS=1 asks them all.
    """

    refused: int
    answered: int
    cites_gold: int
    right: int
    every: int = 1

    def asked(self) -> int:
        """1 for all questions, 4 for each fourth one."""
        return 1 if os.environ.get(ALL_QUESTIONS) else self.every

    def of(self, floor: int) -> int:
        """The same share of the questions that are asked, and never none."""
        return -(-floor // self.asked())


FLOORS = {
    "qwen2.5-coder-0.5b": Floors(refused=3, answered=26, cites_gold=22, right=11, every=4),
    "qwen2.5-coder-1.5b": Floors(refused=13, answered=36, cites_gold=36, right=28),
}


@dataclass(frozen=True, slots=True)
class Reply:
    pack: Pack
    question: PackQuestion
    content: str
    refused: bool
    reason: str
    annotations: list[dict[str, Any]]
    cited_files: frozenset[str]

    def right(self) -> bool:
        content = plain(self.content)
        return all(any(says(content, text) for text in group) for group in self.question.must_include)

    def cites_gold(self) -> bool:
        names = {d.path.name: d.filename for d in self.pack.documents}
        return not self.cited_files.isdisjoint(names[name] for name in self.question.gold_documents)


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).replace(",", "").lower()


def says(content: str, text: str) -> bool:
    """Whether the words stand there, and not as a part of a longer number: 13000 does not say 3000."""
    wanted = plain(text)
    before = r"(?<!\d)(?<!\d\.)" if wanted[:1].isdigit() else ""
    after = r"(?!\.?\d)" if wanted[-1:].isdigit() else ""
    return bool(re.search(f"{before}{re.escape(wanted)}{after}", content))


def place_of(karez: dict[str, Any]) -> dict[str, int]:
    return {"page": karez["page"]} if karez["page"] else {"passage": karez["chunk_id"]}


def ask(platform: Platform, pack: Pack, question: PackQuestion) -> Reply:
    department = platform.department(pack.slug)
    client = OpenAI(base_url=f"{platform.base_url}/v1", api_key=department["api_key"], timeout=SECONDS)
    answer = client.chat.completions.create(
        model=department["assistant"],
        messages=[{"role": "user", "content": question.question}],
        temperature=0,
    )
    choice = answer.choices[0].model_dump()
    annotations = choice["message"].get("annotations") or []
    karez = choice.get("karez") or answer.model_dump().get("karez") or {}
    return Reply(
        pack=pack,
        question=question,
        content=choice["message"]["content"],
        refused=bool(karez.get("refused")),
        reason=str(karez.get("reason", "")),
        annotations=annotations,
        cited_files=frozenset(filename(platform, department, note) for note in annotations),
    )


def filename(platform: Platform, department: dict[str, str], note: dict[str, Any]) -> str:
    opened = httpx.get(
        f"{platform.base_url}/api/v1/documents/{note['karez']['document_id']}",
        headers={"Authorization": f"Bearer {department['api_key']}"},
        timeout=60,
    )
    return str(opened.raise_for_status().json()["filename"])


@pytest.fixture(scope="module")
def floors(platform: Platform) -> Floors:
    headers = {"Authorization": f"Bearer {platform.department('finance')['api_key']}"}
    models = httpx.get(f"{platform.base_url}/v1/models", headers=headers, timeout=60).json()["data"]
    known = [FLOORS[model["id"]] for model in models if model["id"] in FLOORS]
    if not known:
        pytest.skip("no bundled model could be had: the platform quotes passages instead of answering")
    return known[0]


@pytest.fixture(scope="module")
def replies(platform: Platform, floors: Floors) -> Iterator[list[Reply]]:
    packs = [load_pack(slug=slug) for slug in pack_slugs()]
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(ask, platform, pack, q) for pack in packs for q in pack.questions[:: floors.asked()]
        ]
        yield [job.result() for job in jobs]


def test_the_first_answer_was_shown_with_its_citation(platform: Platform) -> None:
    assert "[1]" in platform.transcript


def test_unanswerable_questions_are_refused_with_a_reason(replies: list[Reply], floors: Floors) -> None:
    unanswerable = [r for r in replies if not r.question.answerable]
    refused = [r for r in unanswerable if r.refused]
    missed = [f"{r.question.id}: {r.content[:80]}" for r in unanswerable if not r.refused]
    assert len(refused) >= floors.of(floors.refused), missed
    assert all(r.reason and r.content and not r.annotations for r in refused)


def test_answerable_questions_are_answered_right(replies: list[Reply], floors: Floors) -> None:
    answerable = [r for r in replies if r.question.answerable]
    answered = [r for r in answerable if not r.refused]
    assert len(answered) >= floors.of(floors.answered), [r.question.id for r in answerable if r.refused]
    wrong = [f"{r.question.id}: {r.content[:100]}" for r in answered if not r.right()]
    assert len(answered) - len(wrong) >= floors.of(floors.right), wrong


def test_answers_cite_the_document_that_says_it(replies: list[Reply], floors: Floors) -> None:
    answerable = [r for r in replies if r.question.answerable]
    missed = [r.question.id for r in answerable if not r.cites_gold()]
    assert len(answerable) - len(missed) >= floors.of(floors.cites_gold), missed


def test_every_citation_holds(platform: Platform, replies: list[Reply], floors: Floors) -> None:
    """Each mark stands in the answer, its quote in the document it names, and the asker may open that."""
    checked = 0
    for reply in replies:
        key = platform.department(reply.pack.slug)["api_key"]
        for note in reply.annotations:
            span, karez = note["url_citation"], note["karez"]
            mark = reply.content[span["start_index"] : span["end_index"]]
            assert mark == f"[{karez['index']}]", reply.question.id
            opened = httpx.get(
                f"{platform.base_url}/api/v1/documents/{karez['document_id']}/content",
                params=place_of(karez),
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
            )
            assert opened.status_code == 200, opened.text
            texts = plain("".join(p["text"] for p in opened.json()["passages"]))
            assert plain(karez["quote"])[:40] in texts
            checked += 1
    assert checked >= floors.of(floors.cites_gold)


def test_no_department_sees_another(platform: Platform) -> None:
    for slug in pack_slugs():
        headers = {"Authorization": f"Bearer {platform.department(slug)['api_key']}"}
        with httpx.Client(base_url=platform.base_url, headers=headers, timeout=60) as client:
            bases = client.get("/api/v1/knowledge-bases").json()["results"]
            assert len(bases) == 1
            others = [s for s in pack_slugs() if s != slug]
            for other in others:
                refused = client.post(
                    "/v1/chat/completions",
                    json={"model": f"assistant:{other}", "messages": [{"role": "user", "content": "?"}]},
                )
                assert refused.status_code == 404
                theirs = {"Authorization": f"Bearer {platform.department(other)['api_key']}"}
                base = httpx.get(
                    f"{platform.base_url}/api/v1/knowledge-bases", headers=theirs, timeout=60
                ).json()
                base_id = base["results"][0]["id"]
                documents = httpx.get(
                    f"{platform.base_url}/api/v1/knowledge-bases/{base_id}/documents",
                    headers=theirs,
                    timeout=60,
                ).json()["results"]
                assert client.get(f"/api/v1/knowledge-bases/{base_id}").status_code == 404
                assert client.get(f"/api/v1/documents/{documents[0]['id']}").status_code == 404
                assert client.get(f"/api/v1/documents/{documents[0]['id']}/content").status_code == 404
                assert client.delete(f"/api/v1/documents/{documents[0]['id']}").status_code == 404
                found = client.post("/api/v1/search", json={"query": "规定", "knowledge_bases": [base_id]})
                assert found.status_code == 404
                upload = client.post(
                    f"/api/v1/knowledge-bases/{base_id}/documents", files={"file": ("a.txt", b"x")}
                )
                assert upload.status_code == 404


def test_confidential_documents_are_above_the_demonstration_keys(platform: Platform) -> None:
    key = platform.department("government")["api_key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=platform.base_url, headers=headers, timeout=60) as client:
        base = client.get("/api/v1/knowledge-bases").json()["results"][0]["id"]
        found = client.post(
            "/api/v1/search", json={"query": "TS-2025-0918", "knowledge_bases": [base], "top_k": 20}
        )
        assert all("TS-2025-0918" not in r["text"] for r in found.json()["results"])
