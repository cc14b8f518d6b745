"""Whatever the documentation links to or shows is there."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import CHINESE, ROOT, Section, anchors, in_chinese, pages, sections


def _broken(page: Path, address: str) -> str:
    """Why, or nothing."""
    parts = urlsplit(address)
    if parts.scheme:
        return ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(ROOT):
        return "leads out of the repository"
    if not target.exists():
        return "is not there"
    if parts.fragment and unquote(parts.fragment) not in anchors(target):
        return "has no such heading"
    return ""


def _each(page: Path) -> list[str]:
    found: list[Section] = list(sections(page))
    return [address for section in found for address in (*section.links, *section.pictures)]


@pytest.mark.parametrize("file", pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_and_picture_is_there(file: Path) -> None:
    assert [f"{one} {why}" for one in _each(file) if (why := _broken(file, one))] == []


@pytest.mark.parametrize("file", pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_chinese_page_leads_to_chinese_ones(file: Path) -> None:
    if not file.name.endswith((CHINESE, "README.zh-CN.md")):
        return
    other = file.with_name(file.name.replace(".zh-CN", ""))
    linked = [(file.parent / urlsplit(one).path).resolve() for one in _each(file) if not urlsplit(one).scheme]
    english = [
        one for one in linked if one.suffix == ".md" and not one.name.endswith(CHINESE) and one != other
    ]
    assert [one.name for one in english if in_chinese(one).exists()] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    assert _broken(ROOT / "README.md", "docs/none.md") == "is not there"
    assert _broken(ROOT / "README.md", "docs/compose.md#none") == "has no such heading"
    assert _broken(ROOT / "README.md", "../elsewhere.md") == "leads out of the repository"
    assert _broken(ROOT / "README.md", "docs/compose.md#backup-and-restore") == ""
