"""One spelling for what looks the same."""

import re
import unicodedata

# Control and format characters (zero-width spaces, soft hyphens, direction marks), but not tab, newline and form feed.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)


def normalise(text: str) -> str:
    """NFKC without invisible characters: full-width forms and the Kangxi radicals of some PDF files become ordinary ones.

    Case is kept; `index_terms` and `query_terms` lower it.
    """
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
