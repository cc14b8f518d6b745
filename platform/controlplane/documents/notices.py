"""What reading a file left out, in the reader's language. The parsers note it as `code:detail`; the API gives it as it is."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from controlplane.documents.failures import CODES, failure


def notice(*, warning: str) -> str:
    """An unknown one stays what it is."""
    code, _colon, detail = warning.partition(":")
    say = _TEXTS.get(code)
    return say(detail) if say else warning


def _attachment(detail: str) -> str:
    why, _colon, name = detail.partition(":")
    said = _("The attachment “%(name)s” was left out.") % {"name": name or why}
    return f"{said} {failure(code=why, params={}).message}" if why in CODES else said


_TEXTS: dict[str, Callable[[str], str]] = {
    "pages_without_text": lambda pages: (
        _("Pages without text, which may be scans and are not found by any question: %(pages)s.")
        % {"pages": pages.replace(",", ", ")}
    ),
    "pages_unreadable": lambda n: _("Pages that could not be read: %(n)s.") % {"n": n},
    "tables_skipped": lambda _detail: _(
        "There was no time left for the tables of the last pages: they stand there as plain text."
    ),
    "slides_truncated": lambda slides: (
        _("Slides that could not be read to their end: %(slides)s.") % {"slides": slides.replace(",", ", ")}
    ),
    "sheet_truncated": lambda sheet: _("The sheet “%(sheet)s” was not read to its end.") % {"sheet": sheet},
    "notes_unreadable": lambda _detail: _("Footnotes could not be read."),
    "text_replaced": lambda encoding: (
        _("The text is no clean %(encoding)s: some characters were replaced. Save it as UTF-8.")
        % {"encoding": encoding}
    ),
    "attachments_skipped": lambda _detail: _("There are too many attachments: the last ones were left out."),
    "attachment_skipped": _attachment,
}
