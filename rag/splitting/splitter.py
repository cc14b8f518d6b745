"""Packs atoms into passages along the structure of the document."""

from __future__ import annotations

from collections.abc import Iterable

from rag.parsing import BlockKind, ParsedDocument
from rag.splitting.atoms import Atom, atoms_of
from rag.splitting.lengths import weighted_length
from rag.splitting.passages import Passage, SplitSettings

_FULL_ENOUGH = 0.4
# Headings below level 2 end a passage only when little room is left in it.
_NEARLY_FULL = 0.7
_STRONG_LEVEL = 2
_JOINED_SECTIONS = 3


def split_document(*, document: ParsedDocument, settings: SplitSettings) -> list[Passage]:
    """Cut a document into passages. Every character of every block is in some passage, in order.

    A passage ends before a heading of level 1 or 2 once it is 40 % full; smaller neighbouring sections of one
    parent share a passage. Paragraphs and sentences stay whole where they fit, tables are cut between rows
    and repeat their header.
    """
    packer = _Packer(settings)
    for block in document.blocks:
        for atom in atoms_of(block, limit=settings.max_chars):
            packer.add(atom)
    packer.close()
    return packer.passages


class _Packer:
    def __init__(self, settings: SplitSettings) -> None:
        self.passages: list[Passage] = []
        self._limit = float(settings.max_chars)
        self._overlap = float(settings.overlap_chars)
        self._held: list[Atom] = []
        self._lead = ""
        self._weight = 0.0

    def add(self, atom: Atom) -> None:
        """Take the next atom, ending the passage before it where that is better."""
        if self._held and atom.is_heading and self._parts_at(atom):
            self._emit()
        elif (self._held and not self._fits(atom)) or (self._held and self._would_cut(atom)):
            self._emit_before(atom)
        self._push(atom)

    def close(self) -> None:
        """End the last passage."""
        if self._held:
            self._emit()

    def _push(self, atom: Atom) -> None:
        if not self._held and self._lead and self._lead_weight() + atom.weight + 1 > self._limit:
            self._lead = ""
        if not self._held:
            self._weight = self._lead_weight()
        self._weight += atom.weight + (weighted_length(atom.glue) if self._held or self._lead else 0.0)
        self._held.append(atom)

    def _lead_weight(self) -> float:
        return weighted_length(self._lead)

    def _fits(self, atom: Atom) -> bool:
        return self._weight + atom.weight + weighted_length(atom.glue) <= self._limit

    def _would_cut(self, atom: Atom) -> bool:
        """Whether a paragraph that would fit a fresh passage is about to be cut by the end of this one."""
        room = self._limit - self._weight
        full = self._weight >= self._limit * _FULL_ENOUGH
        return atom.starts and full and room < atom.block_weight + 1 <= self._limit

    def _parts_at(self, heading: Atom) -> bool:
        """Whether a passage ends at a heading."""
        if all(atom.is_heading for atom in self._held):
            return False  # headings in a row belong together, and to what follows
        level = heading.block.level or 1
        if level > _STRONG_LEVEL:
            return self._weight >= self._limit * _NEARLY_FULL
        return self._weight >= self._limit * _FULL_ENOUGH or not self._same_parent(heading)

    def _same_parent(self, heading: Atom) -> bool:
        """Neighbours under one parent share it; so do a parent's own opening words and its first section."""
        parent = heading.block.section[:-1]
        return all(atom.block.section[: len(parent)] == parent for atom in self._held)

    def _emit_before(self, atom: Atom) -> None:
        """End the passage, keeping headings at its end for the one that they announce."""
        carried: list[Atom] = []
        while len(self._held) > 1 and self._held[-1].is_heading:
            carried.insert(0, self._held.pop())
        if sum(piece.weight for piece in carried) + atom.weight + len(carried) > self._limit:
            self._held += carried
            carried = []
        tail = "" if carried or atom.is_heading or atom.is_table else self._tail(atom)
        self._emit()
        self._lead = tail
        for piece in carried:
            self._push(piece)

    def _tail(self, following: Atom) -> str:
        """The last sentences of the passage, to be repeated before the next one of the same section."""
        pieces: list[str] = []
        weight = 0.0
        for atom in reversed(self._held):
            weight += atom.weight + weighted_length(atom.glue)
            plain = atom.block.kind in (BlockKind.PARAGRAPH, BlockKind.LIST)
            if not plain or weight > self._overlap or atom.block.section != following.block.section:
                break
            pieces.insert(0, atom.glue + atom.text)
        return "".join(pieces).lstrip() if len(pieces) < len(self._held) else ""

    def _emit(self) -> None:
        parts = [self._lead] if self._lead else []
        for atom in self._held:
            parts.append((atom.glue if parts else "") + atom.text)
        pages = [atom.block.page for atom in self._held if atom.block.page is not None]
        self.passages.append(
            Passage(
                ordinal=len(self.passages),
                text="".join(parts).strip("\n"),
                page=min(pages, default=None),
                page_end=max(pages, default=None),
                section=_section(self._held),
            )
        )
        self._held, self._lead, self._weight = [], "", 0.0


def _section(atoms: Iterable[Atom]) -> str:
    """The path that the passage's text stands under; sections that share it are named side by side."""
    atoms = list(atoms)
    paths = [atom.block.section for atom in atoms if not atom.is_heading] or [atoms[-1].block.section]
    distinct = [path for path in dict.fromkeys(paths) if path]
    if not distinct:
        return ""
    common: list[str] = []
    for names in zip(*distinct, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    own = list(dict.fromkeys(path[len(common)] for path in distinct if len(path) > len(common)))
    if len(own) > _JOINED_SECTIONS:
        own = [*own[:_JOINED_SECTIONS], "…"]
    return " > ".join([*common, " / ".join(own)] if own else common)
