"""DOCX by python-docx's parts, walked in document order: headings, lists, nested and merged tables, text
boxes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import docx
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from lxml import etree  # type: ignore[import-untyped]

from rag.parsing.archive import check_archive, unreadable
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.word_numbering import Numbering

_HEADING_NAME = re.compile(r"^(?:heading|标题|標題|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_TITLE_NAMES = frozenset({"title", "标题", "標題", "文档标题"})
_MAX_TABLE_DEPTH = 6
_SKIPPED = frozenset(
    qn(name) for name in ("w:del", "w:moveFrom", "w:rPr", "w:pPr", "w:txbxContent", "w:instrText")
) | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
_P, _TBL, _SDT, _TXBX = qn("w:p"), qn("w:tbl"), qn("w:sdt"), qn("w:txbxContent")
_T, _TAB, _BR, _CR = qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr")
_TC, _TR, _VAL = qn("w:tc"), qn("w:tr"), qn("w:val")
_TRANSPARENT = frozenset(
    qn(name) for name in ("w:sdtContent", "w:customXml", "w:smartTag", "w:ins", "w:moveTo")
)

# lxml publishes no types: an element is opaque to the checker.
Element = Any


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a DOCX. Raises ParseError ``encrypted_file``, ``corrupt_file`` or ``file_too_large``."""
    check_archive(stream=stream, limits=collector.limits, required="word/")
    try:
        document = docx.Document(stream)
        body = document.element.body
        walker = _Walker(document, collector)
    except (
        OpcError,
        LookupError,
        ValueError,
        AttributeError,
        zipfile.BadZipFile,
        etree.XMLSyntaxError,
    ) as error:
        raise unreadable(error) from error
    total = max(len(body), 1)
    for number, child in enumerate(body):
        walker.block(child)
        if number % 50 == 0:
            collector.progress(number / total)
    walker.notes()
    return collector.document(title=_title(document, collector), pages=None)


class _Walker:
    def __init__(self, document: Any, collector: BlockCollector) -> None:
        self._collector = collector
        self._document = document
        self._levels = _style_levels(document)
        self._numbering = Numbering(document)

    def block(self, element: Element, depth: int = 0) -> None:
        """One child of the body, of a content control or of a text box."""
        if depth > _MAX_TABLE_DEPTH * 4:
            return
        if element.tag == _P:
            self._paragraph(element, depth)
        elif element.tag == _TBL:
            self._table(element)
        elif element.tag == _SDT or element.tag in _TRANSPARENT:
            for child in element:
                self.block(child, depth + 1)

    def notes(self) -> None:
        """Footnotes and endnotes, at the end as printed."""
        for relation in self._document.part.rels.values():
            if relation.is_external or not relation.reltype.endswith(("/footnotes", "/endnotes")):
                continue
            try:
                root = etree.fromstring(relation.target_part.blob, _parser())
            except etree.XMLSyntaxError:
                self._collector.warnings.append("notes_unreadable")
                continue
            for paragraph in root.iter(_P):
                self._collector.paragraph("".join(_runs(paragraph)))

    def _paragraph(self, element: Element, depth: int) -> None:
        text = "".join(_runs(element)).strip()
        if text:
            self._place(element, text)
        for box in _text_boxes(element):
            for child in box:
                self.block(child, depth + 1)

    def _place(self, element: Element, text: str) -> None:
        style, outline = _style_of(element), _outline_of(element)
        label = self._numbering.label(element, style)
        level = outline if outline is not None else self._levels.get(style or "")
        if level and len(text) <= 200:
            self._collector.heading(label.before(text), level=level)
        elif label.is_list:
            self._collector.listing(label.before(text))
        else:
            self._collector.paragraph(label.before(text))

    def _table(self, element: Element) -> None:
        rows = [row for row in _table_rows(element, 0) if any(cell.strip() for cell in row)]
        if not rows:
            return
        if max(len(row) for row in rows) == 1:  # a frame around text, not a table
            for row in rows:
                self._collector.paragraph(row[0])
        else:
            self._collector.table(rows)


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True)


def _runs(element: Element) -> Iterator[str]:
    """The text of a paragraph as printed now: insertions kept, deletions and field codes not."""
    for child in element:
        tag = child.tag
        if tag in _SKIPPED:
            continue
        if tag == _T:
            yield child.text or ""
        elif tag == _TAB:
            yield "\t"
        elif tag in (_BR, _CR):
            yield "\n"
        elif isinstance(tag, str):
            yield from _runs(child)


def _text_boxes(element: Element) -> Iterator[Element]:
    for box in element.iter(_TXBX):
        outer = next((a for a in box.iterancestors() if a.tag in _SKIPPED or a is element), element)
        if outer is element:
            yield box


def _table_rows(table: Element, depth: int) -> Iterator[list[str]]:
    """Rows of a table; a cell merged downwards repeats its text, one merged sideways stands once."""
    above: dict[int, str] = {}
    for row in _children(table, _TR):
        cells: list[str] = []
        column = 0
        for cell in _children(row, _TC):
            span = _int(cell.find(f"./{qn('w:tcPr')}/{qn('w:gridSpan')}"), 1)
            merge = cell.find(f"./{qn('w:tcPr')}/{qn('w:vMerge')}")
            continued = merge is not None and merge.get(_VAL) in (None, "continue")
            text = above.get(column, "") if continued else _cell_text(cell, depth)
            above[column] = text
            cells.extend([text] + [""] * (min(span, 64) - 1))
            column += span
        yield cells


def _children(element: Element, tag: str) -> Iterator[Element]:
    """Children of one tag, also inside content controls."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag == _SDT or child.tag in _TRANSPARENT:
            yield from _children(child, tag)


def _cell_text(cell: Element, depth: int) -> str:
    parts = []
    for child in cell:
        if child.tag == _P:
            parts.append("".join(_runs(child)))
            parts.extend("".join(_runs(p)) for box in _text_boxes(child) for p in box.iter(_P))
        elif child.tag == _TBL and depth < _MAX_TABLE_DEPTH:
            inner = (" / ".join(c.strip() for c in row if c.strip()) for row in _table_rows(child, depth + 1))
            parts.append("; ".join(row for row in inner if row))
        elif child.tag == _SDT or child.tag in _TRANSPARENT:
            parts.append(_cell_text(child, depth))
    return "\n".join(part for part in parts if part.strip())


def _int(element: Element | None, default: int) -> int:
    try:
        return int(element.get(_VAL)) if element is not None else default
    except (TypeError, ValueError):
        return default


def _style_of(paragraph: Element) -> str | None:
    style = paragraph.find(f"./{qn('w:pPr')}/{qn('w:pStyle')}")
    return None if style is None else style.get(_VAL)


def _outline_of(paragraph: Element) -> int | None:
    """Level 1–9 from the paragraph's own outline level; 0 where it says body text."""
    outline = paragraph.find(f"./{qn('w:pPr')}/{qn('w:outlineLvl')}")
    if outline is None:
        return None
    level = _int(outline, 9)
    return level + 1 if 0 <= level <= 8 else 0


def _style_levels(document: Any) -> dict[str, int]:
    """Heading level by style id: from the style's name in English or Chinese, its outline level, or its
    parent's.
    """
    names: dict[str, tuple[int | None, str | None]] = {}
    for style in document.styles.element.iter(qn("w:style")):
        name = style.find(qn("w:name"))
        based = style.find(qn("w:basedOn"))
        level = _level_of_name("" if name is None else name.get(_VAL) or "") or _outline_of(style)
        names[style.get(qn("w:styleId")) or ""] = (level, None if based is None else based.get(_VAL))
    return {style: level for style in names if (level := _inherited(style, names))}


def _level_of_name(name: str) -> int | None:
    match = _HEADING_NAME.match(name)
    if match:
        return int(match.group(1))
    return 1 if name.lower() in _TITLE_NAMES else None


def _inherited(style: str, names: dict[str, tuple[int | None, str | None]]) -> int | None:
    current: str | None = style
    for _ in range(10):
        level, parent = names.get(current or "", (None, None))
        if level is not None or parent is None:
            return level
        current = parent
    return None


def _title(document: Any, collector: BlockCollector) -> str | None:
    try:
        named = document.core_properties.title
    except (KeyError, ValueError, AttributeError):
        named = ""
    return named or next((block.text for block in collector.blocks if block.level == 1), None)
