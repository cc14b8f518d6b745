"""Lists of people as CSV: reading the lines of a file that somebody has made in a spreadsheet."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import StringIO

from django.utils import translation
from django.utils.translation import gettext as _

from controlplane.core.csv_export import unguarded
from controlplane.core.problems import InvalidInput
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.models import Role

COLUMNS = ("email", "name", "department", "role", "clearance")
# An export has them for its reader.
EXPORTED_BESIDE = ("active", "last_sign_in")
MOST_LINES = 500
MOST_BYTES = 512 * 1024

_HEADINGS = {
    "e-mail": "email",
    "mail": "email",
    "full name": "name",
    "邮箱": "email",
    "电子邮件": "email",
    "电子邮箱": "email",
    "姓名": "name",
    "部门": "department",
    "角色": "role",
    "密级权限": "clearance",
    "密级": "clearance",
    "涉密等级": "clearance",
    "知悉范围": "clearance",
}
_SEPARATORS = ",;\t"
_LANGUAGES = ("en", "zh-hans")


@dataclass(frozen=True, slots=True)
class PeopleLine:
    """A line as it was written; `number` counts as a text editor does, from 1 for the headings.

    An empty role or clearance leaves what somebody has in the department; who is new there is a member, cleared for what is
    internal.
    """

    number: int
    email: str
    name: str = ""
    department: str = ""
    role: str = ""
    clearance: str = ""


def people_lines(*, content: bytes) -> list[PeopleLine]:
    """Without the empty ones. Raises InvalidInput naming `file`."""
    if len(content) > MOST_BYTES:
        raise _refused("file_too_large", _("The file is too large for a list of people."))
    rows = _rows(_text(content))
    if not rows:
        raise _refused("file_empty", _("The file has no lines."))
    columns = [_column(cell) for cell in rows[0][1]]
    if "email" not in columns or "department" not in columns:
        raise _refused(
            "headings_missing",
            _("The first line must name the columns, with “email” and “department” among them."),
        )
    lines = [_line(number, columns, cells) for number, cells in rows[1:] if any(c.strip() for c in cells)]
    if not lines:
        raise _refused("file_empty", _("The file has no lines."))
    if len(lines) > MOST_LINES:
        raise _refused(
            "too_many_lines", _("The file has more than %(most)s people. Split it.") % {"most": MOST_LINES}
        )
    return lines


def headings_passed_over(*, content: bytes) -> list[str]:
    """Those of columns that mean nothing here, as they were written: one of them may be a misspelt right."""
    rows = _rows(_text(content))
    known = {*COLUMNS, *EXPORTED_BESIDE}
    return [cell.strip() for cell in rows[0][1] if cell.strip() and _column(cell) not in known]


def role_of(text: str) -> Role | None:
    """By its name in the API or as either language says it."""
    value = _said()[0].get(text.lower())
    return None if value is None else Role(value)


def clearance_of(text: str) -> Secrecy | None:
    slug = _said()[1].get(text.lower())
    return None if slug is None else Secrecy.from_slug(slug)


@cache
def _said() -> tuple[Mapping[str, str], Mapping[str, str]]:
    roles: dict[str, str] = {}
    levels: dict[str, str] = {}
    for language in _LANGUAGES:
        with translation.override(language):
            roles |= {str(role.label).lower(): role.value for role in Role}
            levels |= {str(level.label).lower(): level.slug for level in Secrecy}
    roles |= {role.value: role.value for role in Role}
    levels |= {level.slug: level.slug for level in Secrecy}
    return roles, levels


def _column(heading: str) -> str:
    heading = heading.strip().lower()
    return _HEADINGS.get(heading, heading)


def _text(content: bytes) -> str:
    """Spreadsheets write UTF-8 with a mark, and in China often GB 18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _refused("not_text", _("This is no CSV file in UTF-8 or GB 18030."))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise _refused(
            "not_csv", _("Line %(line)s is no CSV: %(why)s.") % {"line": reader.line_num, "why": error}
        ) from error


def _line(number: int, columns: list[str], cells: list[str]) -> PeopleLine:
    said = {
        name: unguarded(cell.strip()).strip()
        for name, cell in zip(columns, cells, strict=False)
        if name in COLUMNS
    }
    return PeopleLine(number=number, email=said.pop("email", "").lower(), **said)


def _refused(code: str, detail: str) -> InvalidInput:
    return InvalidInput(
        code=code,
        field="file",
        detail=detail,
        remedy=_("Use the template: email, name, department, role, clearance."),
    )
