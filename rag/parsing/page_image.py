"""Draws one page of a PDF; in production inside the child, for drawing reads all that a stranger put into the file."""

from __future__ import annotations

import io
from typing import BinaryIO

import pypdfium2 as pdfium
from PIL import Image, ImageDraw

from rag.parsing.errors import ParseError
from rag.parsing.page_places import Box, find_text
from rag.parsing.pdf import open_pdf
from rag.parsing.request import PageRequest

# Of the width: no sheet of paper is taller, and a page of a kilometre must not become an image of one.
_MOST_HEIGHT = 4.0
_MARK = (255, 214, 0, 90)
_MARGIN = 2


def draw_page(*, stream: BinaryIO, page: PageRequest) -> bytes:
    """The page as PNG, the place of the highlighted text marked if it is found.

    Raises ParseError ``corrupt_file``, ``encrypted_file``.
    """
    document = open_pdf(stream)
    try:
        document.init_forms()  # what people have filled in is drawn too
        return _png(_drawn(document[page.number - 1], page))
    except (pdfium.PdfiumError, IndexError) as error:
        raise ParseError("corrupt_file", {"detail": str(error)[:200]}) from error
    finally:
        document.close()


def _drawn(sheet: pdfium.PdfPage, page: PageRequest) -> Image.Image:
    width, height = sheet.get_size()
    if not (width > 0 and height > 0):  # NaN among them
        raise ParseError("corrupt_file", {"detail": "a page without size"})
    scale = min(page.width / width, page.width * _MOST_HEIGHT / height)
    bitmap = sheet.render(scale=scale, rev_byteorder=True)
    image: Image.Image = bitmap.to_pil().convert("RGB")
    boxes = find_text(sheet=sheet, text=page.highlight) if page.highlight else []
    if not boxes:
        return image
    converter = bitmap.get_posconv(sheet)
    marks = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(marks)
    for box in boxes:
        draw.rectangle(_on_image(converter, box), fill=_MARK)
    return Image.alpha_composite(image.convert("RGBA"), marks).convert("RGB")


def _on_image(converter: pdfium.PdfPosConv, box: Box) -> tuple[int, int, int, int]:
    """In pixels from the top left, whatever way the page is turned."""
    ends = [converter.to_bitmap(x, y) for x, y in ((box.left, box.bottom), (box.right, box.top))]
    (left, right), (top, bottom) = (sorted(values) for values in zip(*ends, strict=True))
    return left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
