"""The guides say what the interface says, in both languages alike."""

from itertools import zip_longest
from pathlib import Path

import pytest

from tests.docs.labels import Language, keys_of
from tests.docs.pages import GUIDES, Section, english_guides, in_chinese, sections

NAMES = ["administrator", "employee", "knowledge-manager", "quick-start"]
LANGUAGES: list[tuple[Language, str]] = [("en", ""), ("zh-hans", ".zh-CN")]


def _guide(name: str, suffix: str = "") -> tuple[Section, ...]:
    return sections(GUIDES / f"{name}{suffix}.md")


def _plain(pictures: list[str]) -> list[str]:
    return [
        Path(one).name.removesuffix(".png").removesuffix(".en").removesuffix(".zh-CN") for one in pictures
    ]


def test_each_guide_is_there_in_both_languages() -> None:
    assert [path.stem for path in english_guides()] == NAMES
    assert sorted(GUIDES.glob("*")) == sorted([*english_guides(), *map(in_chinese, english_guides())])


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_headings_and_pictures(name: str) -> None:
    english, chinese = _guide(name), _guide(name, ".zh-CN")
    pairs = list(zip_longest(english, chinese))
    assert [(a and a.heading, b and b.heading) for a, b in pairs if (a and a.level) != (b and b.level)] == []
    different = [
        (a.heading, a.pictures, b.pictures) for a, b in pairs if _plain(a.pictures) != _plain(b.pictures)
    ]
    assert different == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("language", "suffix"), [("en", ".en.png"), ("zh-hans", ".zh-CN.png")])
def test_pictures_show_the_language_of_the_guide(name: str, language: Language, suffix: str) -> None:
    guide = _guide(name, dict(LANGUAGES)[language])
    assert [one for section in guide for one in section.pictures if not one.endswith(suffix)] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("language", "suffix"), LANGUAGES)
def test_what_is_bold_is_a_label_of_the_interface(name: str, language: Language, suffix: str) -> None:
    labels = [(section.heading, label) for section in _guide(name, suffix) for label in section.labels]
    assert labels
    assert [pair for pair in labels if not keys_of(pair[1], language=language)] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("_language", "suffix"), LANGUAGES)
def test_no_bold_mark_is_left_unread(name: str, _language: Language, suffix: str) -> None:
    """Between a full stop and a Chinese character, two asterisks end nothing."""
    assert [text for section in _guide(name, suffix) for text in section.texts if "**" in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_name_the_same_labels(name: str) -> None:
    missing: list[tuple[str, str]] = []
    for english, chinese in zip(_guide(name), _guide(name, ".zh-CN"), strict=True):
        ours = {label: keys_of(label, language="en") for label in english.labels}
        theirs = {label: keys_of(label, language="zh-hans") for label in chinese.labels}
        for one, other in ((ours, theirs), (theirs, ours)):
            known = set().union(*other.values())
            missing += [(english.heading, label) for label, keys in one.items() if not keys & known]
    assert missing == []


def test_labels_are_told_from_other_words() -> None:
    assert keys_of("Make the key", language="en") == {("console", "Make the key", "")}
    assert keys_of("创建密钥", language="zh-hans") == {("console", "Make the key", "")}
    assert ("console", "Version %(n)s", "") in keys_of("Version 2", language="en")
    assert ("chat", "thought") in keys_of("已思考 12 秒", language="zh-hans")
    assert keys_of("Create the key", language="en") == set()
    assert keys_of("make the key", language="en") == set()
