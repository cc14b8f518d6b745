"""Industry packs: the documents, assistant and question set of a department, read from the folders here."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.core.secrecy import Secrecy

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PackDocument:
    path: Path
    title: str
    secrecy: Secrecy

    @property
    def filename(self) -> str:
        """What it is called when it is uploaded: the title, as a department would name its file."""
        return self.title + self.path.suffix


@dataclass(frozen=True, slots=True)
class PackQuestion:
    """`must_include`: an answer holds at least one text of every inner tuple."""

    id: str
    question: str
    lang: str
    kind: str
    answerable: bool
    gold_documents: tuple[str, ...]
    must_include: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Pack:
    slug: str
    department: str
    assistant_name: str
    greeting: str
    opening_questions: tuple[str, ...]
    knowledge_base: str
    secrecy: Secrecy
    documents: tuple[PackDocument, ...]
    questions: tuple[PackQuestion, ...]


def pack_slugs() -> list[str]:
    return sorted(folder.parent.name for folder in _HERE.glob("*/pack.toml"))


def load_pack(*, slug: str, lang: str = "zh") -> Pack:
    """The pack with its texts in `lang` (zh or en). Raises FileNotFoundError for a pack that there isn't."""
    folder = _HERE / slug
    data = tomllib.loads((folder / "pack.toml").read_text(encoding="utf-8"))
    base = Secrecy.from_slug(data["knowledge_base"]["secrecy"])
    assistant = data["assistant"]
    return Pack(
        slug=data["slug"],
        department=data["department"][lang],
        assistant_name=assistant[f"name_{lang}"],
        greeting=assistant[f"greeting_{lang}"],
        opening_questions=(*assistant[f"opening_questions_{lang}"], *_other_language(assistant, lang)),
        knowledge_base=data["knowledge_base"]["name"],
        secrecy=base,
        documents=tuple(_document(folder, row, base) for row in data["documents"]),
        questions=_questions(folder / "questions.jsonl"),
    )


def _other_language(assistant: dict[str, Any], lang: str) -> list[str]:
    return list(assistant["opening_questions_en"]) if lang == "zh" else []


def _document(folder: Path, row: dict[str, str], base: Secrecy) -> PackDocument:
    level = Secrecy.from_slug(row["secrecy"]) if "secrecy" in row else base
    return PackDocument(path=folder / "documents" / row["file"], title=row["title"], secrecy=max(level, base))


def _questions(path: Path) -> tuple[PackQuestion, ...]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(
        PackQuestion(
            id=row["id"],
            question=row["question"],
            lang=row["lang"],
            kind=row["kind"],
            answerable=row["answerable"],
            gold_documents=tuple(row["gold_documents"]),
            must_include=tuple(tuple(group) for group in row["must_include"]),
        )
        for row in rows
    )
