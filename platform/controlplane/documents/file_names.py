"""Finding documents by their file names.

Chinese is found by any part, everything else by the beginning of its words. A name is kept as terms: of a run of Chinese
characters every two neighbours and the last one; of letters and digits the whole run, and its parts where letters and
digits meet.

However long a text is, a search asks the index for a few terms alone: each is a join, and a file name that was pasted would
be hundreds. Chinese characters in a row are compared with the name as they stand besides; of more words than that the longest.
"""

import re
import unicodedata
from collections.abc import Iterator

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from controlplane.documents.models import Document, NameTerm

_LONGEST = 32
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS = re.compile(f"[{_HAN}]+|(?:(?![{_HAN}_])\\w)+")
_PARTS = re.compile(r"\d+|[^\W\d]+")
_HAN_RUN = re.compile(f"[{_HAN}]+")
_LAST = "\U0010ffff"
MOST_TERMS = 6


def _runs(text: str) -> list[str]:
    return _RUNS.findall(unicodedata.normalize("NFKC", text).casefold())


def name_terms(*, filename: str) -> list[str]:
    """The terms by which the name is found, each once."""
    return sorted({term[:_LONGEST] for run in _runs(filename) for term in _terms(run)})


def _terms(run: str) -> Iterator[str]:
    if _HAN_RUN.fullmatch(run):
        yield from _neighbours(run)
        yield run[-1]
    else:
        yield run
        yield from _PARTS.findall(run)


def _neighbours(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def with_name_like(*, documents: QuerySet[Document], text: str) -> QuerySet[Document]:
    """Those whose file name has every word of the text, or the longest `MOST_TERMS` of them; all where it has no word."""
    runs = sorted(set(_runs(text)), key=lambda run: (-len(run), run))[:MOST_TERMS]
    for run in runs:
        if _HAN_RUN.fullmatch(run) and len(run) > 1:
            for term in _spread(_neighbours(run), MOST_TERMS // len(runs)):
                documents = documents.filter(_has(Q(term=term)))
            if len(run) > 2:  # the pairs might stand apart
                documents = documents.filter(filename__contains=run)
        else:
            beginning = run[:_LONGEST]
            documents = documents.filter(_has(Q(term__gte=beginning, term__lt=beginning + _LAST)))
    return documents


def _spread(terms: list[str], most: int) -> list[str]:
    """At most so many, from all over the run: its beginning is often what many names share."""
    step = max(1, -(-len(terms) // most))
    return terms[len(terms) - 1 :: -step]


def _has(term: Q) -> Exists:
    return Exists(NameTerm.objects.filter(term, tenant=OuterRef("tenant"), document=OuterRef("pk")))


def name_index(*, document: Document) -> None:
    """In the running transaction. A document keeps its file name for good; its terms go with it."""
    terms = name_terms(filename=document.filename)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO documents_nameterm (tenant_id, term, document_id) "
            "SELECT %s, unnest(%s::text[]), %s ON CONFLICT DO NOTHING",
            [document.tenant_id, terms, document.pk],
        )
