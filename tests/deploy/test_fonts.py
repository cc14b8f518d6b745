"""Fonts for Chinese: found where there are some, missed where there are none, and told of at the end of a start."""

import shutil
from io import StringIO
from pathlib import Path

import pytest

from deploy.embedded import fonts
from deploy.embedded.console import Console
from deploy.embedded.fonts import draws_chinese
from deploy.embedded.report import READY, show_ready
from deploy.embedded.settings import read_settings
from deploy.embedded.state import State
from tests.conftest import ROOT


def test_without_fonts_or_with_broken_ones_nothing_is_drawn(tmp_path: Path) -> None:
    assert not draws_chinese([tmp_path, tmp_path / "nowhere"])
    (tmp_path / "NotoSansCJK-Regular.ttc").write_bytes(b"no font")
    assert not draws_chinese([tmp_path])


def test_a_font_is_asked_for_a_character_and_not_for_its_name(tmp_path: Path) -> None:
    named = [path for directory in fonts.DIRECTORIES for path in fonts._fonts(directory)]
    chinese = next((path for path in named if fonts._has_character(path)), None)
    latin = next((path for path in named if not fonts._has_character(path)), None)
    if chinese is None or latin is None:
        pytest.skip("this machine has no font of each kind")
    shutil.copy(latin, tmp_path / f"CJK{latin.suffix}")
    assert not draws_chinese([tmp_path])
    (tmp_path / "below").mkdir()
    shutil.copy(chinese, tmp_path / "below" / f"a{chinese.suffix}")
    assert draws_chinese([tmp_path])


@pytest.mark.parametrize("said", ["", fonts.MISSING])
def test_the_end_of_a_start_says_what_is_missing(tmp_path: Path, said: str) -> None:
    stream = StringIO()
    settings = read_settings(environment={"KAREZ_STATE_DIR": str(tmp_path)}, root=ROOT)
    show_ready(
        console=Console(stream=stream),
        settings=settings,
        state=State(tmp_path),
        memory={},
        engine="none",
        fonts=said,
    )
    assert ("fonts-noto-cjk" in stream.getvalue()) is bool(said)
    assert READY in stream.getvalue()
