"""Fonts for Chinese: found where there are some, missed where there are none, and told of at the end of a start."""

from io import StringIO
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

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


def make_font(path: Path, *, character: str) -> None:
    """A font that draws this one character, as a box: no machine has to bring any."""
    path.parent.mkdir(exist_ok=True)
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "box"])
    builder.setupCharacterMap({ord(character): "box"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "box": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "box": (1000, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_a_font_is_asked_for_a_character_and_not_for_its_name(tmp_path: Path) -> None:
    make_font(tmp_path / "NotoSansCJK.ttf", character="a")
    assert not draws_chinese([tmp_path])
    make_font(tmp_path / "below" / "a.ttf", character="渠")
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
