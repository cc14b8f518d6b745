"""Pages are drawn in the child, marked where a passage stands, and bounded like everything a child does."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from PIL import Image

from rag.parsing import ParseError, ParseLimits, draw_page_in_child
from rag.parsing.wire import FrameKind, FrameReader, WireError, frame, image_frame, unpack_image
from tests.rag.parsing.makers import pdf_of

TEXT = "The mortgage rate is at most seventy percent of the value"


def _draw(
    path: Path, limits: ParseLimits, *, number: int = 1, width: int = 800, highlight: str = ""
) -> Image.Image:
    png = draw_page_in_child(
        path=path, filename=path.name, limits=limits, number=number, width=width, highlight=highlight
    )
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image


def _drawn_or_refused(path: Path, limits: ParseLimits) -> Image.Image | None:
    try:
        return _draw(path, limits)
    except ParseError as error:
        if error.code not in ("corrupt_file", "encrypted_file"):
            raise
        return None


def _marked(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The box round all that is yellow."""
    blue = image.convert("RGB").getchannel("B").point(lambda value: 255 if 140 < value < 200 else 0)
    red = image.convert("RGB").getchannel("R").point(lambda value: 255 if value > 250 else 0)
    return Image.composite(blue, Image.new("L", image.size), red).getbbox()


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf_of(TEXT, "The second page is about something else entirely"))
    return path


@pytest.mark.parametrize("width", [800, 1200])
def test_a_page_is_drawn_as_wide_as_asked_for(paper: Path, limits: ParseLimits, width: int) -> None:
    image = _draw(paper, limits, width=width)
    assert abs(image.width - width) <= 1
    assert abs(image.height - width * 200 / 500) <= 1
    assert image.getextrema() != ((255, 255),) * 3
    assert _marked(image) is None


def test_the_pages_differ(paper: Path, limits: ParseLimits) -> None:
    assert _draw(paper, limits).tobytes() != _draw(paper, limits, number=2).tobytes()


@pytest.mark.parametrize(
    "highlight",
    [
        TEXT,
        "The mortgage\nrate is at   most seventy per-\ncent of the value",
        f"Chapter 3\n{TEXT}\nThe next page",
        f"{TEXT} as the second page goes on to say in so many words",
    ],
)
def test_the_place_of_a_passage_is_marked(paper: Path, limits: ParseLimits, highlight: str) -> None:
    left, top, right, bottom = _marked(_draw(paper, limits, highlight=highlight)) or (0, 0, 0, 0)
    # The text begins 10 points from the left and 100 from the top, at 1.6 pixels a point.
    assert 8 <= left <= 20
    assert 140 <= top <= 160
    assert 300 < right < 400
    assert bottom - top < 20


def test_a_turned_page_is_marked_where_its_text_is(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "turned.pdf"
    path.write_bytes(pdf_of(TEXT, keys="/Rotate 90"))
    left, top, right, bottom = _marked(_draw(path, limits, highlight=TEXT)) or (0, 0, 0, 0)
    assert right - left < bottom - top


@pytest.mark.parametrize(
    "highlight", ["Not a word of this stands here", "rate", "…\n。\n", "\x00\ud800", "的" * 9000]
)
def test_what_is_not_found_is_not_marked(paper: Path, limits: ParseLimits, highlight: str) -> None:
    if highlight == "rate":  # the whole of the text, however short, may be marked
        assert _marked(_draw(paper, limits, highlight=highlight))
        highlight = "rate\nxyzw"
    assert _draw(paper, limits, highlight=highlight).tobytes() == _draw(paper, limits).tobytes()


@pytest.mark.parametrize(
    "box", ["0 0 500 9000000", "0 0 9000000 500", "0 0 0.001 0.001", "0 0 0 0", "9 9 -9 -9"]
)
def test_a_page_of_any_size_becomes_an_image_of_a_bounded_one(
    tmp_path: Path, limits: ParseLimits, box: str
) -> None:
    path = tmp_path / "size.pdf"
    path.write_bytes(pdf_of(TEXT, box=box))
    if image := _drawn_or_refused(path, limits):
        assert image.width <= 801
        assert image.height <= 3201


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (pdf_of(TEXT), "a.pdf", "corrupt_file"),
        (b"%PDF-1.7 and nothing else", "a.pdf", "corrupt_file"),
        (b"plain text", "a.txt", "unsupported_format"),
        (b"", "a.pdf", "empty_file"),
    ],
)
def test_what_cannot_be_drawn_says_why(
    tmp_path: Path, limits: ParseLimits, content: bytes, name: str, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ParseError) as raised:
        _draw(path, limits, number=2)
    assert raised.value.code == code


def test_time_is_limited(tmp_path: Path, limits: ParseLimits) -> None:
    """A form that draws itself many times, which draws another one many times, and so on."""
    path = tmp_path / "slow.pdf"
    path.write_bytes(_nested(depth=9, times=10))
    with pytest.raises(ParseError) as raised:
        _draw(path, dataclasses.replace(limits, seconds=0.5))
    assert raised.value.code == "parse_timeout"


def test_memory_is_limited(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(_nested(depth=9, times=10))
    with pytest.raises(ParseError) as raised:
        _draw(path, dataclasses.replace(limits, memory_bytes=256 * 1024 * 1024))
    assert raised.value.code in ("parse_memory", "parse_crashed")


def _nested(*, depth: int, times: int) -> bytes:
    forms = []
    for level in range(depth):
        inner = f"/X{level + 1} Do " * times if level + 1 < depth else "0 0 5 5 re f "
        forms.append(
            f"<</Type/XObject/Subtype/Form/BBox[0 0 500 200]/Length {len(inner)}"
            f"/Resources<</XObject<</X{level + 1} {6 + level} 0 R>>>>>>stream\n{inner}\nendstream"
        )
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 200]/Contents 4 0 R/Resources<</XObject<</X0 5 0 R>>>>>>",
        "<</Length 6>>stream\n/X0 Do\nendstream",
        *forms,
    ]
    body = "".join(f"{n} 0 obj{value}\nendobj\n" for n, value in enumerate(objects, start=1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>\n%%EOF".encode()


def test_only_an_image_is_taken_for_one() -> None:
    png = io.BytesIO()
    Image.new("RGB", (2, 2)).save(png, "PNG")
    [(kind, content)] = FrameReader(max_bytes=10_000).feed(image_frame(png.getvalue()))
    assert kind is FrameKind.IMAGE
    assert unpack_image(content) == png.getvalue()
    for fake in (b"<svg onload=alert(1)>", b"", b"GIF89a"):
        with pytest.raises(WireError):
            unpack_image(fake)
    [(kind, _)] = FrameReader(max_bytes=100).feed(frame(FrameKind.DONE, {}))
    assert kind is FrameKind.DONE


def test_hostile_files_of_others_harm_nothing(shared_dir: Path, limits: ParseLimits) -> None:
    files = sorted((shared_dir / "datasets/office-files").glob("*/*.pdf"))
    assert len(files) > 10
    for path in files:
        _drawn_or_refused(path, limits)
