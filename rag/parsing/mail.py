"""EML by the standard library: the headers people look for, the body once, supported attachments inside."""

from __future__ import annotations

import email
import email.policy
import io
import re
from email.message import EmailMessage, Message
from typing import BinaryIO

from rag.parsing.charset import decode, decode_markup
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.formats import HEAD_BYTES, detect_format
from rag.parsing.mail_headers import attachment_name, header
from rag.parsing.plaintext import add_text
from rag.parsing.reading import read_all

_HEADERS = ("From", "To", "Cc", "Subject", "Date")
_HEADER_LINE = re.compile(rb"^[A-Za-z][\w-]{0,60}:", re.MULTILINE)
_ATTACHMENT_FACTOR = 4
_MAX_PARTS = 1000


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector, depth: int = 0) -> ParsedDocument:
    """Read a message. ``depth`` counts the messages around this one.

    Raises ParseError ``corrupt_file`` where there is neither header nor body.
    """
    data = _as_ascii_lines(read_all(stream=stream, collector=collector, markup=_ATTACHMENT_FACTOR))
    if not _HEADER_LINE.search(data[:65536]):
        raise ParseError("corrupt_file", {"detail": "no mail header"})
    message = email.message_from_bytes(data, policy=email.policy.default)
    subject = header(message, "Subject")
    add_message(message, collector, depth)
    return collector.document(title=subject, pages=None)


def add_message(message: EmailMessage, collector: BlockCollector, depth: int) -> None:
    """Add headers, body and attachments to a document under way."""
    outer = collector.section
    collector.paragraph(
        "\n".join(f"{name}: {value}" for name in _HEADERS if (value := header(message, name)))
    )
    chosen = _body(message)
    if chosen is not None:
        _add_body(chosen, collector)
    for number, part in enumerate(_leaves(message)):
        if number >= _MAX_PARTS:
            collector.warnings.append("attachments_skipped:too_many")
            return
        if part is not chosen and _is_attachment(part):
            _attach(part, collector, outer, depth)


def _as_ascii_lines(data: bytes) -> bytes:
    """A message saved as UTF-16 text is turned back into the bytes that went over the wire."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return decode(data).text.encode("utf-8")
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")


def _body(message: EmailMessage) -> Message | None:
    """The text of the message: plain before HTML, since the two say the same."""
    try:
        found = message.get_body(preferencelist=("plain", "html"))
    except (ValueError, TypeError, LookupError, AttributeError, KeyError):
        found = None
    if found is not None and _payload(found).strip():
        return found
    texts = [
        part
        for part in _leaves(message)
        if part.get_content_maintype() == "text" and not _is_attachment(part)
    ]
    ranked = sorted(texts, key=lambda part: part.get_content_subtype() != "plain")
    return next((part for part in ranked if _payload(part).strip()), None)


def _leaves(message: Message) -> list[Message]:
    """Parts that hold content; a message inside the message is one of them and keeps its own parts."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        return [message]
    parts = message.get_payload()
    return (
        [leaf for part in parts if isinstance(part, Message) for leaf in _leaves(part)]
        if isinstance(parts, list)
        else []
    )


def _is_attachment(part: Message) -> bool:
    if part.get_content_type() == "message/rfc822":
        return True
    return part.get_content_disposition() == "attachment" or bool(attachment_name(part))


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, TypeError):
        data = None
    if isinstance(data, bytes):
        return data
    raw = part.get_payload()
    return raw.encode("utf-8", errors="replace") if isinstance(raw, str) else b""


def _add_body(part: Message, collector: BlockCollector) -> None:
    data, charset = _payload(part), part.get_content_charset()
    if part.get_content_subtype() == "html":
        from rag.parsing.web import add_html

        add_html((decode(data, declared=charset) if charset else decode_markup(data)).text, collector)
    else:
        add_text(decode(data, declared=charset).text, collector)


def _attach(part: Message, collector: BlockCollector, outer: tuple[str, ...], depth: int) -> None:
    """Read one attachment as a section of its own.

    What cannot be read is named in a warning, not an error.
    """
    name = attachment_name(part) or "attachment"
    collector.enter(base=outer)
    collector.heading(name, level=1)
    if depth >= collector.limits.attachment_depth:
        collector.warnings.append(f"attachment_skipped:too_deep:{name}")
        return
    kept = len(collector.blocks)
    collector.enter(base=(*outer, name))
    try:
        _read_attachment(part, name, collector, depth + 1)
    except ParseError as error:
        if error.code in ("too_much_text", "parse_memory", "parse_timeout"):
            raise
        del collector.blocks[kept:]
        collector.warnings.append(f"attachment_skipped:{error.code}:{name}")
    finally:
        collector.page = None
        collector.enter(base=outer)


def _read_attachment(part: Message, name: str, collector: BlockCollector, depth: int) -> None:
    from rag.parsing.registry import parser_for

    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        if isinstance(inner, list) and inner and isinstance(inner[0], EmailMessage):
            add_message(inner[0], collector, depth)
        return
    data = _payload(part)
    kind = detect_format(head=data[:HEAD_BYTES], filename=name)
    if kind == "eml":
        parse(stream=io.BytesIO(data), filename=name, collector=collector, depth=depth)
    else:
        parser_for(kind)(stream=io.BytesIO(data), filename=name, collector=collector)
