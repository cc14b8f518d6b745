"""Cuts blocks into atoms: the smallest pieces that splitting will not cut again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.parsing import Block, BlockKind
from rag.splitting.lengths import weighted_length

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

# After the mark that ends a sentence and the quotes and brackets that close with it. A full stop ends one
# only before white space, so that 3.5 and example.com stay whole.
_SENTENCE = re.compile(
    r"(?<=[。！？；…])(?![。！？；…”’」』）)\]])|(?<=[。！？；…][”’」』）)\]])|(?<=[.!?;])(?=\s)|(?<=\n)"
)
_SEPARATORS = [r"\n", r"(?<=[。！？；])", r"(?<=[.!?;])(?=\s)", r"(?<=[，、：,:])", r"(?<=\s)", ""]
_HEADER_SHARE = 0.3
_PIECE_SHARE = 0.75
_LONGEST_SENTENCE = 20_000  # characters; what is longer is none


@dataclass(frozen=True, slots=True)
class Atom:
    """A sentence, a line of a list, a heading, or a table's rows.

    ``glue`` joins it to the atom before: nothing inside a paragraph, a line break at a block's beginning.
    ``starts`` marks the first atom of a block and ``block_weight`` is the weight of the whole block.
    """

    text: str
    weight: float
    glue: str
    starts: bool
    block_weight: float
    block: Block

    @property
    def is_heading(self) -> bool:
        return self.block.kind is BlockKind.HEADING

    @property
    def is_table(self) -> bool:
        return self.block.kind is BlockKind.TABLE


def atoms_of(block: Block, *, limit: float) -> Iterator[Atom]:
    """The atoms of a block, each at most ``limit`` in weight; together they hold all of its text."""
    if not block.text.strip():
        return
    if block.kind is BlockKind.TABLE:
        yield from _table_atoms(block, limit)
        return
    total = weighted_length(block.text)
    glue, starts = "\n", True
    for sentence in _sentences(block, total, limit):
        for piece in _pieces(sentence, limit):
            if piece.strip():
                yield Atom(piece, weighted_length(piece), glue, starts, total, block)
                glue, starts = "", False


def _sentences(block: Block, total: float, limit: float) -> list[str]:
    if block.kind is BlockKind.HEADING and total <= limit:
        return [block.text]
    if block.kind is BlockKind.CODE:
        return re.split(r"(?<=\n)", block.text)
    return _SENTENCE.split(block.text)


def _pieces(text: str, limit: float) -> list[str]:
    """A text too long for one passage, cut at the best place there is: clause, word, character."""
    if weighted_length(text) <= limit:
        return [text]
    cutter = _cutter(int(limit * _PIECE_SHARE))
    # The cutter's time and memory grow faster than its text.
    slices = [text[at : at + _LONGEST_SENTENCE] for at in range(0, len(text), _LONGEST_SENTENCE)]
    return [piece for part in slices for piece in cutter.split_text(part)]


@lru_cache(maxsize=16)
def _cutter(size: int) -> RecursiveCharacterTextSplitter:
    # Half a second to import, and needed only for sentences longer than a passage.
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
        strip_whitespace=False,
        chunk_size=size,
        chunk_overlap=0,
        length_function=lambda text: int(weighted_length(text) + 0.999),
    )


def _table_atoms(block: Block, limit: float) -> Iterator[Atom]:
    """The whole table where it fits, else groups of rows under the repeated header."""
    total = weighted_length(block.text)
    if total <= limit:
        yield Atom(block.text, total, "\n", True, total, block)
        return
    header, _, rest = block.text.partition("\n")
    head = f"{header}\n" if rest and weighted_length(header) <= limit * _HEADER_SHARE else ""
    starts = True
    for group in _row_groups((rest if head else block.text).split("\n"), limit - weighted_length(head)):
        text = head + group
        yield Atom(text, weighted_length(text), "\n", starts, total, block)
        starts = False


def _row_groups(rows: list[str], limit: float) -> Iterator[str]:
    group: list[str] = []
    weight = 0.0
    for row in rows:
        for piece in _row_pieces(row, limit):
            size = weighted_length(piece) + 0.4
            if not piece.strip():
                continue
            if group and weight + size > limit:
                yield "\n".join(group)
                group, weight = [], 0.0
            group.append(piece)
            weight += size
    if group:
        yield "\n".join(group)


def _row_pieces(row: str, limit: float) -> list[str]:
    if weighted_length(row) + 0.4 <= limit:
        return [row]
    pieces: list[str] = []
    held = ""
    for sentence in _SENTENCE.split(row):
        for piece in _pieces(sentence, limit - 1):
            if held and weighted_length(held + piece) + 0.4 > limit:
                pieces.append(held)
                held = ""
            held += piece
    return [*pieces, held] if held.strip() else pieces
