"""What an assistant is made of, as it is written, kept as a version, and compared."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

FIELDS = ("name", "instructions", "route", "top_k", "greeting", "opening_questions")
KNOWLEDGE = "knowledge_bases"
_LONG = frozenset({"instructions", "greeting"})


@dataclass(frozen=True, slots=True)
class AssistantContent:
    """Everything besides its slug, its department, and who may use it."""

    name: str
    instructions: str = ""
    route: str = "chat"
    top_k: int = 6
    greeting: str = ""
    opening_questions: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, as it stands in both of two versions or in one of them."""

    kind: Literal["same", "added", "removed"]
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs. `lines` of a text or a list; `before` and `after` of anything else."""

    field: str
    before: Any
    after: Any
    lines: tuple[Line, ...] = ()


def differences(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Between the contents of two versions, field by field."""
    return [
        Difference(name, before.get(name), after.get(name), _lines(name, before.get(name), after.get(name)))
        for name in (*FIELDS, KNOWLEDGE)
        if _comparable(name, before) != _comparable(name, after)
    ]


def _comparable(name: str, content: Mapping[str, Any]) -> Any:
    return sorted(content.get(name, [])) if name == KNOWLEDGE else content.get(name)


def _lines(name: str, before: Any, after: Any) -> tuple[Line, ...]:
    if name in _LONG:
        return _compared(str(before or "").splitlines(), str(after or "").splitlines())
    if isinstance(after, list) and name != KNOWLEDGE:
        return _compared([str(one) for one in before or ()], [str(one) for one in after])
    return ()


def _compared(before: Sequence[str], after: Sequence[str]) -> tuple[Line, ...]:
    lines: list[Line] = []
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for tag, start, end, start_after, end_after in matcher.get_opcodes():
        if tag == "equal":
            lines += [Line("same", text) for text in before[start:end]]
            continue
        lines += [Line("removed", text) for text in before[start:end]]
        lines += [Line("added", text) for text in after[start_after:end_after]]
    return tuple(lines)


def changed_fields(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [difference.field for difference in differences(before=before, after=after)]


def bases_of(content: Mapping[str, Any]) -> list[UUID]:
    return [UUID(id_) for id_ in content.get(KNOWLEDGE, [])]
