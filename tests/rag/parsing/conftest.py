"""Where the shared office files are, and limits that keep a broken test short."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag.parsing import ParseLimits

_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class OfficeFile:
    """One row of the shared manifest."""

    path: Path
    kind: str
    format: str
    must_contain: tuple[str, ...]

    @property
    def name(self) -> str:
        """Folder and file name."""
        return f"{self.path.parent.name}/{self.path.name}"


def office_files() -> list[OfficeFile]:
    """The shared files, or none where they are absent."""
    folder = Path(os.environ.get("KAREZ_SHARED_DIR", _ROOT.parent / "shared")) / "datasets" / "office-files"
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        return []
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    return [
        OfficeFile(folder / row["file"], row["kind"], row["format"], tuple(row.get("must_contain") or ()))
        for row in rows
    ]


@pytest.fixture
def limits() -> ParseLimits:
    """Half a minute is plenty for every file of these tests."""
    return ParseLimits(seconds=30, cpu_seconds=30)
