"""Headers as Chinese mail programs write them, which the standard library loses characters of.

They label GBK as GB2312, break a character between two encoded words, and send headers and the names of attachments
as bare bytes in the encoding of the machine.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from email.message import Message
from email.utils import collapse_rfc2231_value

from rag.parsing.charset import decode
from rag.parsing.cleaning import clean_text, one_line
from rag.parsing.errors import ParseError

_NAME_CHARS = 200
_EXTENSION_CHARS = 10
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError)
_WORD = re.compile(r"=\?([\w.:-]{2,40})(?:\*[\w-]*)?\?([bBqQ])\?([^?]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_GB_LABEL = re.compile(r"(?<=\*=)(\"?)(?:gb2312|gbk|gb_2312-80|x-gbk|cp936)(?=')", re.IGNORECASE)


def header(message: Message, name: str) -> str:
    """The first header of that name as one line of text, however it is encoded; empty where there is none."""
    return one_line(clean_text(_text(_raw(message, name))))


def attachment_name(part: Message) -> str:
    """The file name that the part was given, empty if none."""
    for name, param in (("content-disposition", "filename"), ("content-type", "name")):
        raw = _raw(part, name)
        carrier = Message()
        carrier[name] = _GB_LABEL.sub(r"\1gb18030", _text(raw))
        try:
            value = carrier.get_param(param, header=name)
            found = collapse_rfc2231_value(value) if value else ""
        except _MALFORMED:
            continue
        if found := one_line(clean_text(found)):
            return _cut(found)
    return ""


def _cut(name: str) -> str:
    """At most so many characters, the extension kept: it may be what tells the format."""
    stem, dot, extension = name.rpartition(".")
    if len(name) <= _NAME_CHARS or len(extension) > _EXTENSION_CHARS:
        return name[:_NAME_CHARS]
    return stem[: _NAME_CHARS - _EXTENSION_CHARS - 1] + dot + extension


def _raw(message: Message, name: str) -> str:
    """As it came over the wire; bytes beyond ASCII stand as lone surrogates."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return _FOLD.sub("", str(raw))


def _text(raw: str) -> str:
    return _WORDS.sub(lambda run: _run(run.group()), _bare(raw))


def _bare(raw: str) -> str:
    if raw.isascii():
        return raw
    return _decode(raw.encode("utf-8", "surrogateescape"), None)


def _run(run: str) -> str:
    """Encoded words next to each other; those of one charset are decoded together, for they may share a character."""
    pieces: list[tuple[str, bytes]] = []
    for charset, encoding, payload in _WORD.findall(run):
        data = _payload(encoding, payload)
        label = charset.lower()
        if pieces and pieces[-1][0] == label and not _is_stateful(label):
            pieces[-1] = (label, pieces[-1][1] + data)
        else:
            pieces.append((label, data))
    return "".join(_decode(data, label) for label, data in pieces)


def _is_stateful(charset: str) -> bool:
    return charset.startswith(("iso-2022", "hz"))


def _payload(encoding: str, payload: str) -> bytes:
    if encoding in "qQ":
        return quopri.decodestring(payload.encode("ascii", "replace"), header=True)
    try:
        return base64.b64decode(payload + "=" * (-len(payload) % 4))
    except (binascii.Error, ValueError):
        return payload.encode("ascii", "replace")


def _decode(data: bytes, charset: str | None) -> str:
    try:
        return decode(data, declared=charset).text
    except ParseError:
        return data.decode("latin-1")
