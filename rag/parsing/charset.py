"""Decodes bytes of unknown encoding, Chinese first.

Order: byte order mark, strict UTF-8, UTF-16/32 without mark, then the double-byte encodings of East Asia
judged by how many of their characters are everyday ones, then charset-normalizer for the rest.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from rag.parsing.errors import ParseError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 65536
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_DECLARED_WITHIN = 1024 * 1024
_GB_FAMILY = frozenset({"gb2312", "gbk", "gb_2312-80", "x-gbk", "gb18030", "cp936"})
_EAST_ASIAN = ("gb18030", "big5hkscs", "cp932", "euc_jp")
_WIDE_EVERYDAY = re.compile(
    "[\t\r\n -~\xa0-\u024f\u0400-\u04ff\u2010-\u203b\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]"
)
_WIDE_SHARE = 0.85
_KANA = re.compile("[\u3040-\u30ff]")
# GB18030 is what a file in an unknown East Asian encoding most often is in a Chinese office.
_GB_BONUS = 0.08
_EVERYDAY_SHARE = 0.6
# A good quarter of any Korean text; of Chinese read as Korean less than a hundredth.
_KOREAN_ENDINGS = frozenset("이다는을의에고하지한은가로기를니")
_KOREAN_LEAST = 8


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read in, and whether bytes had to be replaced."""

    text: str
    encoding: str
    damaged: bool


def decode(data: bytes, *, declared: str | None = None) -> Decoded:
    """Decode bytes; ``declared`` is what a header said and is believed only if the bytes agree.

    Raises ParseError ``corrupt_file`` for binary data.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _lenient(data, name)
    wide = _wide_without_mark(data)
    if wide:
        return _lenient(data, wide)
    if b"\x00" in data[:_SAMPLE_BYTES] and _looks_binary(data[:_SAMPLE_BYTES]):
        raise ParseError("corrupt_file", {"detail": "binary data"})
    escaped = _escaped(data, known_encoding(declared))
    if escaped:
        return _lenient(data, escaped)
    for candidate in ("utf-8", known_encoding(declared)):
        strict = _strict(data, candidate) if candidate else None
        if strict:
            return strict
    return _guess(data, declared=declared)


def decode_markup(data: bytes) -> Decoded:
    """Decode HTML by its mark or the charset it declares, however late in the page."""
    match = _DECLARED.search(data[:_DECLARED_WITHIN])
    return decode(data, declared=match.group(1).decode("ascii") if match else None)


def known_encoding(name: str | None) -> str | None:
    """Python's codec for a declared charset; the GB names all mean their superset GB18030."""
    if not name:
        return None
    lowered = name.strip().lower()
    if lowered in _GB_FAMILY:
        return "gb18030"
    if lowered in {"big5", "big5-hkscs", "x-big5"}:
        return "big5hkscs"
    if lowered in {"shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j"}:
        return "cp932"
    if lowered in {"euc-kr", "euc_kr", "ks_c_5601-1987", "ksc5601"}:
        return "cp949"
    try:
        return codecs.lookup(lowered).name
    except (LookupError, ValueError):
        return None


def _escaped(data: bytes, name: str | None) -> str | None:
    """The declared encoding, if it is one that hides in plain ASCII and its escapes are there."""
    if name == "hz":
        return name if b"~{" in data else None
    return name if name and name.startswith("iso2022") and b"\x1b" in data else None


def _strict(data: bytes, name: str) -> Decoded | None:
    try:
        return Decoded(data.decode(name), name, damaged=False)
    except (UnicodeError, LookupError):
        return None


def _lenient(data: bytes, name: str) -> Decoded:
    text = data.decode(name, errors="replace")
    return Decoded(text, name, damaged="\ufffd" in text)


def _wide_without_mark(data: bytes) -> str | None:
    """UTF-16 or UTF-32 betrayed by where its zero bytes (or, for Chinese, its ASCII line breaks and spaces)
    stand.
    """
    sample = data[: _SAMPLE_BYTES - _SAMPLE_BYTES % 4]
    if len(sample) < 4 or 0 not in sample:
        return None
    zeros = [sample[offset::4].count(0) / (len(sample) / 4) for offset in range(4)]
    if len(data) % 4 == 0 and zeros[2] > 0.9 and zeros[3] > 0.9:
        return "utf-32-le"
    if len(data) % 4 == 0 and zeros[0] > 0.9 and zeros[1] > 0.9:
        return "utf-32-be"
    if len(data) % 2:
        return None
    shares = {name: _wide_share(sample, name) for name in ("utf-16-le", "utf-16-be")}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > _WIDE_SHARE else None


def _wide_share(sample: bytes, name: str) -> float:
    """Share of everyday characters, less those that the other byte order would make plain ASCII."""
    text = sample.decode(name, errors="replace")
    everyday = len(_WIDE_EVERYDAY.findall(text))
    swapped = sum(char > "\xff" and not ord(char) & 0xFF for char in text)
    return (everyday - swapped) / max(len(text), 1)


def _looks_binary(sample: bytes) -> bool:
    controls = sum(sample.count(byte) for byte in range(32) if byte not in (9, 10, 12, 13, 27))
    return controls > max(8, len(sample) // 100)


def _guess(data: bytes, *, declared: str | None) -> Decoded:
    nearly_utf8 = data.decode("utf-8", errors="replace")
    beyond_ascii = sum(1 for byte in data[:_SAMPLE_BYTES] if byte > 127)
    if nearly_utf8[:_SAMPLE_BYTES].count("\ufffd") * 50 <= beyond_ascii:
        return Decoded(nearly_utf8, "utf-8", damaged=True)
    name, share = _best_east_asian(data[:_SAMPLE_BYTES])
    if share >= _EVERYDAY_SHARE:
        return _lenient(data, name)
    if _looks_binary(data[:_SAMPLE_BYTES]):
        raise ParseError("corrupt_file", {"detail": "binary data"})
    return _lenient(data, _by_statistics(data[:_SAMPLE_BYTES]) or known_encoding(declared) or "gb18030")


def _best_east_asian(sample: bytes) -> tuple[str, float]:
    if _is_korean(sample):
        return "cp949", 1.0
    scores = {name: _everyday_share(sample, name) for name in _EAST_ASIAN}
    scores["gb18030"] += _GB_BONUS
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]


def _is_korean(sample: bytes) -> bool:
    """Korean bytes are everyday ideographs in GB2312 too: what tells them apart is how often the endings occur."""
    text = codecs.getincrementaldecoder("cp949")(errors="replace").decode(sample)
    beyond = [char for char in text if char > "\x7f"]
    syllables = sum("\uac00" <= char <= "\ud7a3" for char in beyond)
    endings = sum(char in _KOREAN_ENDINGS for char in beyond)
    return syllables >= _KOREAN_LEAST and syllables > 0.8 * len(beyond) and endings > 0.1 * syllables


def _everyday_share(sample: bytes, name: str) -> float:
    """Share of the non-ASCII bytes that read as everyday characters: first-level ideographs, kana, hangul,
    marks.
    """
    decoder = codecs.getincrementaldecoder(name)(errors="replace")
    text = decoder.decode(sample)
    beyond = [char for char in text if char > "\x7f"]
    if not beyond:
        return 0.0
    kana = bool(_KANA.search(text))
    good = sum(_everyday(char, name, kana=kana) for char in beyond)
    single = sum("\uff61" <= char <= "\uff9f" for char in beyond)
    return (good - text.count("\ufffd") * 4 - single) / len(beyond)


def _everyday(char: str, name: str, *, kana: bool) -> bool:
    if "\u3000" <= char <= "\u303f" or "\uff01" <= char <= "\uff5e" or char in "“”‘’…—·×《》":
        return True
    if name in {"cp932", "euc_jp"}:
        return "\u3040" <= char <= "\u30ff" or _first_level(char, "euc_jp", 0xB0, 0xCF)
    if name == "gb18030":
        return _first_level(char, "gb2312", 0xB0, 0xD7)
    return not kana and _first_level(char, "big5", 0xA4, 0xC6)


def _first_level(char: str, name: str, low: int, high: int) -> bool:
    try:
        code = char.encode(name)
    except UnicodeError:
        return False
    return len(code) == 2 and low <= code[0] <= high


def _by_statistics(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else None
