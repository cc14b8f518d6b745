"""Characters as they should be stored: no NUL, no lone surrogate, no look-alike radicals.

Full NFKC would also turn the Chinese comma into the ASCII one and so spoil every quotation; only the
characters that make search silently fail are folded: Kangxi and CJK radicals standing for ideographs,
compatibility ideographs, Latin ligatures, and full-width letters and digits.
"""

from __future__ import annotations

import re
import unicodedata

# NFKC has no mapping for these radicals although PDF producers emit them in place of the ideograph
# (Unicode's EquivalentUnifiedIdeograph property).
_RADICALS = dict(
    zip(
        "⺁⺇⺋⺗⺟⺠⺩⺪⺬⺮⺯⺶⺷⺻⺼⻁⻂⻄⻅⻆⻉⻋⻌⻓⻔⻖⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻬⻮⻰⻳",
        "厂几㔾㣺母民王疋示竹糸羊羊聿肉虎衤西见角贝车辶长门阝青韦页风飞食马骨鬼鱼鸟麦黄齐齿龙龟",
        strict=True,
    )
)
_FOLDED = re.compile(
    "[\u2e80-\u2fdf\uf900-\ufaff\ufb00-\ufb06\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0002f800-\U0002fa1f]"
)
_DROPPED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff\u200b\u2060\xad]")
# Bullets of Symbol and Wingdings, which fonts put in the private use area.
_BULLETS = re.compile("[\uf06c\uf06e\uf075\uf077\uf0a7\uf0b7\uf0d8\uf0fc]")
_BREAKS = re.compile("\r\n?|[\x0c\x85\u2028\u2029]")
_SPACES = re.compile("[ \t\xa0\u2000-\u200a\u202f\u205f\u3000]+")
_BOUND = 300
_INVISIBLE = re.compile(r"\s+")


def _fold(match: re.Match[str]) -> str:
    char = match.group()
    return _RADICALS.get(char) or unicodedata.normalize("NFKC", char)


def clean_text(text: str) -> str:
    """Text that PostgreSQL accepts and search can find; line breaks become ``\\n``, spaces stay."""
    return _BULLETS.sub("•", _FOLDED.sub(_fold, _DROPPED.sub("", _BREAKS.sub("\n", text))))


def one_line(text: str) -> str:
    """Text with every run of white space, line breaks included, made one space."""
    return _INVISIBLE.sub(" ", text).strip()


def bounded(text: str) -> str:
    """One storable line of limited length, for warnings and error details, which quote the file."""
    return one_line(clean_text(text[: _BOUND * 4]))[:_BOUND]


def tidy_lines(text: str) -> str:
    """Text with runs of spaces made one, line ends trimmed and empty lines dropped."""
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
