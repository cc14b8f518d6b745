"""Documents with one or more versions, their passages, and the jobs that would have indexed them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.core.scope import tenant_scope
from controlplane.documents.file_names import name_terms
from controlplane.documents.models import Document
from controlplane.metering.seeding.chance import Chance, Seed
from controlplane.metering.seeding.loading import NULL, Target, line
from controlplane.metering.seeding.organisation import Base, Seeded
from controlplane.metering.seeding.texts import TOPICS, sentences, subject

BLOBS = Target(
    "documents_blob", {"id": "uuid", "created_at": "ms", "sha256": "text", "size": "bigint"}, {"path": "''"}
)
DOCUMENTS = Target(
    "documents_document",
    {
        "id": "uuid",
        "created_at": "ms",
        "updated_at": "ms",
        "knowledge_base_id": "uuid",
        "department_id": "uuid",
        "secrecy": "smallint",
        "filename": "text",
        "title": "text",
        "live_version": "uuid",
        "latest_number": "integer",
    },
    {"metadata": "'{}'"},
)
NAME_TERMS = Target("documents_nameterm", {"term": "text", "document_id": "uuid"}, {})
VERSIONS = Target(
    "documents_version",
    {
        "id": "uuid",
        "created_at": "ms",
        "document_id": "uuid",
        "number": "integer",
        "blob_id": "uuid",
        "format": "text",
        "status": "text",
        "error_code": "text",
        "pages": "integer",
        "chunks": "integer",
        "title": "text",
    },
    {"error_params": "'{}'", "warnings": "'[]'"},
)
JOBS = Target(
    "documents_indexjob",
    {
        "id": "uuid",
        "created_at": "ms",
        "updated_at": "ms",
        "finished_at": "ms",
        "version_id": "uuid",
        "space_id": "uuid",
        "stage": "text",
        "status": "text",
        "done": "integer",
        "total": "integer",
        "error_code": "text",
        "lease_until": "ms",
    },
    {"kind": "'index'", "attempts": "1", "waits": "0", "error_params": "'{}'", "cancel_requested": "false"},
)
PASSAGES = Target(
    "documents_passage",
    {
        "document_id": "uuid",
        "version_id": "uuid",
        "ordinal": "integer",
        "text": "text",
        "page": "integer",
        "page_end": "integer",
        "section": "text",
    },
    {},
)
_YEAR = 365 * 86_400_000
_FORMATS = ("pdf", "docx", "xlsx", "html", "txt")
_FAILURES = ("no_text", "parse_memory", "parse_crashed")


@dataclass(frozen=True, slots=True)
class Made:
    """A document with its latest version. `replaced`: it has a version before that."""

    id: str
    version: str
    old_version: str
    at: int
    base: Base
    status: str
    chunks: int
    number: int


@dataclass(frozen=True, slots=True)
class Cited:
    id: str
    title: str


def citable(seeded: Seeded, made: Sequence[Made]) -> list[Cited]:
    """Those of this run that can be read; where it makes none, those that the tenant has."""
    if made:
        return [Cited(one.id, f"文件{one.number}") for one in made if one.status == "ready"]
    with tenant_scope(seeded.tenant_id):
        there = Document.objects.filter(tenant_id=seeded.tenant_id, live_version__isnull=False)
        return [
            Cited(str(id_), _one_line(title))
            for id_, title in there.order_by("id").values_list("id", "title")
        ]


def _one_line(title: str) -> str:
    return " ".join(title.replace("\\", " ").split())


def make(seeded: Seeded, *, count: int, seed: Seed, until: int, passages: int) -> list[Made]:
    """In the order in which they were uploaded over two years; one in ten was replaced once."""
    chance = Chance(seed, "documents")
    made = []
    for number in range(count):
        at = until - 2 * _YEAR + (2 * _YEAR - 60_000) * (number + 1) // count
        drawn = chance.random()
        status = (
            "ready"
            if drawn < 0.97
            else "failed"
            if drawn < 0.993
            else "cancelled"
            if drawn < 0.997
            else "queued"
        )
        made.append(
            Made(
                id=chance.id_at(at),
                version=chance.id_at(at),
                old_version=chance.id_at(at - _YEAR // 4) if chance.random() < 0.1 else "",
                at=at,
                base=chance.skewed(seeded.bases),
                status=status,
                chunks=chance.randrange(1, 2 * passages) if passages else 0,
                number=number,
            )
        )
    return made


def _names(made: list[Made], seed: Seed) -> Iterator[tuple[str, str]]:
    """Title and file name of each, the same whenever they are asked for."""
    chance = Chance(seed, "titles")
    for one in made:
        title = f"{subject(chance)}{chance.choice(TOPICS)}（{2020 + one.number % 6}年第{one.number}号）"
        yield title, f"{title}-{one.id[-6:]}.{_FORMATS[one.number % len(_FORMATS)]}"


def name_term_lines(made: list[Made], seed: Seed) -> Iterator[str]:
    for one, (_title, name) in zip(made, _names(made, seed), strict=True):
        yield from (line(term, one.id) for term in name_terms(filename=name))


def document_lines(made: list[Made], seed: Seed) -> Iterator[str]:
    for one, (title, name) in zip(made, _names(made, seed), strict=True):
        live = one.version if one.status == "ready" else one.old_version or NULL
        fields = (one.base.id, one.base.department_id, one.base.secrecy, name, title, live)
        yield line(one.id, one.at, one.at, *fields, 2 if one.old_version else 1)


def blob_lines(made: list[Made]) -> Iterator[str]:
    for one in made:
        for version in filter(None, (one.old_version, one.version)):
            yield line(version, one.at, version + version[::-1], 20_000 + one.number % 900_000)


def version_lines(made: list[Made]) -> Iterator[str]:
    """Each has the blob of its own identifier."""
    for one in made:
        format_ = _FORMATS[one.number % len(_FORMATS)]
        if one.old_version:
            yield line(one.old_version, one.at, one.id, 1, one.old_version, format_, "ready", "", 3, 0, "")
        error = _FAILURES[one.number % len(_FAILURES)] if one.status == "failed" else ""
        chunks = one.chunks if one.status == "ready" else 0
        number = 2 if one.old_version else 1
        yield line(
            one.version, one.at, one.id, number, one.version, format_, one.status, error, 3, chunks, ""
        )


def job_lines(seeded: Seeded, made: list[Made], seed: Seed) -> Iterator[str]:
    """What still waits is not due for a year: no worker takes it, for there is no file."""
    chance = Chance(seed, "jobs")
    ends = {"ready": "done", "failed": "failed", "cancelled": "cancelled", "queued": "queued"}
    for one in made:
        is_open = one.status == "queued"
        finished: object = NULL if is_open else one.at + 30_000
        error = _FAILURES[one.number % len(_FAILURES)] if one.status == "failed" else ""
        due: object = one.at + 3 * _YEAR if is_open else NULL
        stage = "parse" if is_open or error else "embed"
        counts = (0, 0) if is_open else (one.chunks, one.chunks)
        yield line(
            chance.id_at(one.at), one.at, one.at + 30_000, finished, one.version, seeded.space_id, stage,
            ends[one.status], *counts, error, due,
        )  # fmt: skip


def passage_lines(made: list[Made], seed: Seed) -> Iterator[str]:
    chance = Chance(seed, "passages")
    for one in made:
        if one.status == "ready":
            for ordinal in range(one.chunks):
                page = ordinal // 2 + 1
                yield line(one.id, one.version, ordinal, sentences(chance, 4), page, page, f"第{page}章")
