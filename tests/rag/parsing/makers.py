"""Files made for one test each."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

_SHEET_XML = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>'
)


def make_xlsx(path: Path, *, sheet_xml: str) -> Path:
    """A workbook of one sheet with the given XML."""
    import openpyxl

    buffer = io.BytesIO()
    openpyxl.Workbook().save(buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, sheet_xml if name == "xl/worksheets/sheet1.xml" else data)
    return path


def sparse_sheet(*, rows: int) -> str:
    """Rows with one number each, in the last column that exists."""
    cells = (f'<row r="{n}"><c r="XFD{n}"><v>{n}</v></c></row>' for n in range(1, rows + 1))
    return _SHEET_XML.format(rows="".join(cells))


def make_docx(path: Path, *, body: str, extra: dict[str, bytes] | None = None) -> Path:
    """A document whose body is the given XML; ``extra`` adds or replaces archive members."""
    import docx

    buffer = io.BytesIO()
    docx.Document().save(buffer)
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    text = f'<?xml version="1.0"?><w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
    members = {"word/document.xml": text.encode()} | (extra or {})
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if name not in members:
                target.writestr(name, source.read(name))
        for name, data in members.items():
            target.writestr(name, data)
    return path


def paragraph_xml(text: str, *, properties: str = "") -> str:
    """A Word paragraph."""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf_of(*texts: str, box: str = "0 0 500 200", keys: str = "") -> bytes:
    """A page with one line of ASCII text for each text; its cross-references are left for the reader to repair.

    ``box`` and ``keys`` (such as ``/Rotate 90``) are of every page.
    """
    places = [4 + 2 * n for n in range(len(texts))]
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{' '.join(f'{place} 0 R' for place in places)}]/Count {len(texts)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for place, text in zip(places, texts, strict=True):
        content = f"BT /F1 8 Tf 10 100 Td ({text}) Tj ET"
        resources = "/Resources<</Font<</F1 3 0 R>>>>"
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents {place + 1} 0 R{resources}{keys}>>",
            f"<</Length {len(content)}>>stream\n{content}\nendstream",
        ]
    body = "".join(f"{n} 0 obj{value}\nendobj\n" for n, value in enumerate(objects, start=1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>\n%%EOF".encode()
