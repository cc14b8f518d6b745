"""One measure for Chinese and English: roughly how much of a model's context a text takes up."""

from __future__ import annotations

import re

# A Han character is about one token of a multilingual model, a Latin letter about a quarter; 0.4 makes 500
# the weight of 500 Han characters or of some 1,250 letters, which read about equally long.
NARROW = 0.4

_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003fffd]"
)


def weighted_length(text: str) -> float:
    """1 for each Han, kana, hangul or full-width character, 0.4 for any other."""
    if text.isascii():
        return len(text) * NARROW
    wide = len(text) - len(_WIDE.sub("", text))
    return wide + (len(text) - wide) * NARROW
