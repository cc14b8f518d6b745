"""The whole run: an organisation, then its rows table by table."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from controlplane.core.problems import Conflict, NotFound
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.tenant_ids import tenant_ids
from controlplane.documents.models import Document
from controlplane.metering.models import UsageProgress
from controlplane.metering.seeding import conversations, documents, trail
from controlplane.metering.seeding.chance import Seed
from controlplane.metering.seeding.loading import BATCH, Loader, Target
from controlplane.metering.seeding.organisation import Seeded, organisation_found, organisation_make
from controlplane.metering.services import usage_roll_up


@dataclass(frozen=True, slots=True)
class Amounts:
    documents: int
    messages: int
    events: int
    passages: int


@dataclass(frozen=True, slots=True)
class Done:
    """Seconds by step and of all, which ran partly side by side; the sign-in of the administrator where this run made one."""

    tenant_id: UUID
    seconds: dict[str, float]
    whole: float
    email: str
    password: str


Report = Callable[[str, int, float], None]


def seed_tenant(
    *,
    slug: str,
    amounts: Amounts,
    seed: str,
    until: datetime,
    append: bool,
    report: Report,
    language: str = "zh-hans",
) -> Done:
    """Fill the tenant `slug` as if it had been used until `until`. `report`: step, rows so far, seconds so far.

    Raises Conflict for a tenant that is there already, and NotFound with `append` for one that is not.
    """
    return _Run(slug, amounts, seed, int(until.timestamp() * 1000), append, report, language).done()


class _Run:
    def __init__(
        self,
        slug: str,
        amounts: Amounts,
        seed: str,
        until: int,
        append: bool,
        report: Report,
        language: str,
    ) -> None:
        self.amounts, self.until, self.report = amounts, until, report
        self.seconds: dict[str, float] = {}
        self.started = started = time.perf_counter()
        self.seeded, self.seed = _organisation(slug, seed, append)
        self.language = language
        self.loader = Loader(tenant_id=self.seeded.tenant_id)
        self._note("organisation", 1, started)

    def done(self) -> Done:
        made = documents.make(
            self.seeded,
            count=self.amounts.documents,
            seed=self.seed,
            until=self.until,
            passages=self.amounts.passages,
        )
        # The chain is written one event after the other, which leaves the server's other processors to the rest.
        with ThreadPoolExecutor(1) as beside:
            trail_written = beside.submit(self._events, made)
            self._documents(made)
            self._conversations(made)
            trail_written.result()
        started = time.perf_counter()
        self._note("usage", self._count(), started)
        return Done(
            self.seeded.tenant_id,
            self.seconds,
            time.perf_counter() - self.started,
            self.seeded.email,
            self.seeded.password,
        )

    def _count(self) -> int:
        """From the first hour on: a running platform has counted hours that got their messages only now."""
        tenant_id = self.seeded.tenant_id
        with tenant_scope(tenant_id):
            UsageProgress.objects.filter(tenant_id=tenant_id).delete()
        return usage_roll_up(tenant_id=tenant_id)

    def _events(self, made: list[documents.Made]) -> None:
        lines = trail.event_lines(
            self.seeded, count=self.amounts.events, seed=self.seed, until=self.until, documents=made
        )
        try:
            self._load("audit events", trail.EVENTS, lines)
        finally:
            connection.close()  # this thread's

    def _documents(self, made: list[documents.Made]) -> None:
        self._load("files", documents.BLOBS, documents.blob_lines(made))
        self._load("documents", documents.DOCUMENTS, documents.document_lines(made, self.seed))
        self._load("file names", documents.NAME_TERMS, documents.name_term_lines(made, self.seed))
        self._load("versions", documents.VERSIONS, documents.version_lines(made))
        self._load("jobs", documents.JOBS, documents.job_lines(self.seeded, made, self.seed))
        self._load("passages", documents.PASSAGES, documents.passage_lines(made, self.seed))

    def _conversations(self, made: list[documents.Made]) -> None:
        started, rows = time.perf_counter(), 0
        for batch in self._batches(documents.citable(self.seeded, made)):
            for target, lines in batch.tables():
                list(self.loader.load(target=target, lines=lines))
            rows += len(batch.messages)
            self._note("messages", rows, started)

    def _batches(self, cited: list[documents.Cited]) -> Iterator[conversations.Batch]:
        return conversations.batches(
            self.seeded,
            messages=self.amounts.messages,
            seed=replace(self.seed, language=self.language),
            until=self.until,
            documents=cited,
            size=BATCH,
        )

    def _load(self, step: str, target: Target, lines: Iterable[str]) -> None:
        started, rows = time.perf_counter(), 0
        for count in self.loader.load(target=target, lines=lines):
            rows += count
            self._note(step, rows, started)

    def _note(self, step: str, rows: int, started: float) -> None:
        self.seconds[step] = time.perf_counter() - started
        self.report(step, rows, self.seconds[step])


def _organisation(slug: str, seed: str, append: bool) -> tuple[Seeded, Seed]:
    """With what chance starts from: a run that adds must not make the same identifiers again."""
    with platform_scope():
        tenant_id = tenant_ids(slug=slug).get(slug)
    if not append:
        if tenant_id is not None:
            raise Conflict(code="tenant_not_empty", detail=f"There is already a tenant {slug!r}.")
        made = Seed(seed, slug)
        return organisation_make(slug=slug, seed=made), made
    if tenant_id is None:
        raise NotFound(code="not_found", detail=f"There is no tenant {slug!r}.")
    with tenant_scope(tenant_id):
        there = Document.objects.filter(tenant_id=tenant_id).count()
    return organisation_found(tenant_id=tenant_id), Seed(f"{seed}+{there}", slug)
