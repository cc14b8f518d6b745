"""The packs hold what they promise."""

import json
import unicodedata

import pytest

from controlplane.assistants.packs import load_pack, pack_slugs
from rag.parsing import ParsedDocument, ParseLimits, parse_file


def test_the_three_departments_are_there() -> None:
    assert pack_slugs() == ["energy", "finance", "government"]


@pytest.mark.parametrize("slug", ["energy", "finance", "government"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_pack_is_complete(slug: str, lang: str) -> None:
    pack = load_pack(slug=slug, lang=lang)
    files = {document.path.name for document in pack.documents}
    assert len(files) >= 8
    assert len({document.path.suffix for document in pack.documents}) >= 5
    assert all(document.path.is_file() for document in pack.documents)
    assert {path.name for path in pack.documents[0].path.parent.iterdir()} == files
    assert len(pack.questions) == 20
    assert sum(not q.answerable for q in pack.questions) == 5
    assert all(set(q.gold_documents) <= files for q in pack.questions)
    assert all(q.must_include for q in pack.questions if q.answerable)
    assert pack.greeting
    assert pack.opening_questions


@pytest.mark.parametrize("slug", ["energy", "finance", "government"])
def test_uploads_are_named_by_their_titles(slug: str) -> None:
    names = [document.filename for document in load_pack(slug=slug).documents]
    assert len(set(names)) == len(names)
    assert all(unicodedata.is_normalized("NFC", name) and "/" not in name for name in names)


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).replace(",", "").lower()


def text_of(document: ParsedDocument, page: int | None = None) -> str:
    return plain("".join(block.text for block in document.blocks if page is None or block.page == page))


@pytest.mark.parametrize("slug", ["energy", "finance", "government"])
def test_our_own_parsers_find_what_the_questions_are_measured_by(slug: str) -> None:
    pack = load_pack(slug=slug)
    parsed = {
        document.path.name: parse_file(path=document.path, filename=document.path.name, limits=ParseLimits())
        for document in pack.documents
    }
    questions = (pack.documents[0].path.parents[1] / "questions.jsonl").read_text(encoding="utf-8")
    for question in map(json.loads, questions.splitlines()):
        gold = [parsed[name] for name in question["gold_documents"]]
        whole = "".join(map(text_of, gold))
        for quote in question["gold_quote"]:
            assert plain(quote) in whole, (question["id"], quote)
        for group in question["must_include"] if question["answerable"] else ():
            assert any(plain(text) in whole for text in group), (question["id"], group)
        if question["page"] and question["gold_quote"]:
            assert plain(question["gold_quote"][0]) in text_of(gold[0], question["page"]), question["id"]
