"""The packs hold what they promise."""

import unicodedata

import pytest

from controlplane.assistants.packs import load_pack, pack_slugs


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
