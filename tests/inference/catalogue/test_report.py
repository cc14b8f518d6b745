"""The tables of the documentation are those of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.catalogue import Language, models, packaged
from inference.catalogue.__main__ import main
from inference.catalogue.report import BEGIN, END, markdown, replaced

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("language", "file"), [("en", "models.md"), ("zh", "models.zh-CN.md")])
def test_the_documentation_is_up_to_date(language: Language, file: str) -> None:
    tables = markdown(catalogue=packaged(), language=language)
    assert tables in (DOCS / file).read_text("utf-8"), (
        f"run: python -m inference.catalogue write {language} docs/{file}"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_model_has_its_row(language: Language) -> None:
    lines = markdown(catalogue=packaged(), language=language).splitlines()
    for entry in models():
        (row,) = (line for line in lines if line.startswith(f"| **{entry.name}**<br>`{entry.id}`"))
        assert entry.purpose.of(language) in row


def test_figures_as_they_are_shown() -> None:
    tables = markdown(catalogue=packaged(), language="en")
    assert "| 671.0 B (37.6 B) | 131,072 | always | MIT |" in tables
    assert "| `deepseek-r1` | 68.6 | 2.14 |" in tables
    assert (
        "| `deepseek-r1` | fp8 | [deepseek-ai/DeepSeek-R1](https://huggingface.co/deepseek-ai/DeepSeek-R1) | 688.6 | fp8 |"
        in tables
    )
    assert "| ≈ 351.5 | int4 |" in tables
    assert "| `deepseek-v3.1` thinking | 84.8 | 80.1 | 93.1 |" in tables


def test_what_is_around_the_tables_stays(tmp_path: Path) -> None:
    document = tmp_path / "models.md"
    document.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n", "utf-8")

    assert main(["write", "zh", str(document)]) == 0

    text = document.read_text("utf-8")
    assert text.startswith("before\n\n")
    assert text.endswith("\n\nafter\n")
    assert "old" not in text
    assert "## 选型" in text


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the document has no lines"):
        replaced(document="nothing", tables="")


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "en"]) == 0
    assert capsys.readouterr().out.startswith(BEGIN)
