"""Markdown files as tests read them: their headings, links, pictures and labels.

In a guide, what stands in bold is a label of the interface, and nothing else does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/guides"
CHINESE = ".zh-CN.md"
_BESIDE_WORDS = re.compile(r"[^\w\- ]")


@dataclass
class Section:
    """From a heading to the next one. `pictures` and `links` are as they are written."""

    level: int = 0
    heading: str = ""
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def english_guides() -> list[Path]:
    return sorted(path for path in GUIDES.glob("*.md") if not path.name.endswith(CHINESE))


def in_chinese(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".md") + CHINESE)


@cache
def sections(path: Path) -> tuple[Section, ...]:
    """What stands before the first heading is a section of level 0."""
    found = [Section()]
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type != "inline":
            continue
        children = token.children or []
        if before is not None and before.type == "heading_open":
            found.append(Section(level=int(before.tag[1:]), heading=_text(children)))
        _read(found[-1], children)
    return tuple(found)


def _read(section: Section, children: list[Token]) -> None:
    section.links += [str(one.attrs["href"]) for one in children if one.type == "link_open"]
    section.pictures += [str(one.attrs["src"]) for one in children if one.type == "image"]
    section.texts += [one.content for one in children if one.type == "text"]
    section.labels += _labels(children)


def _labels(children: list[Token]) -> Iterator[str]:
    start: int | None = None
    for place, child in enumerate(children):
        if child.type == "strong_open":
            start = place
        elif child.type == "strong_close" and start is not None:
            yield _text(children[start:place])
            start = None


def _text(children: list[Token]) -> str:
    return "".join(
        " " if one.type == "softbreak" else one.content
        for one in children
        if one.type in ("text", "softbreak", "code_inline")
    )


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {_BESIDE_WORDS.sub("", one.heading.lower()).replace(" ", "-") for one in sections(path)}
