"""The overview of a console: how much is asked and how well it is answered, today against last week, and what waits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.utils import timezone

from controlplane.assistants.models import Assistant
from controlplane.documents.backlog import IndexBacklog, documents_by_status, index_backlog
from controlplane.identity.principal import Principal
from controlplane.metering.figures import Figures, total
from controlplane.metering.selectors import rolled_until, usage_figures
from controlplane.metering.spans import UsageQuery, days_before, hour_of, midnight
from controlplane.serving.registry import registry
from controlplane.serving.seen import SeenDeployment

SERIES_DAYS = 30
TOP_ASSISTANTS = 10
Unit = Literal["count", "ms"]


@dataclass(frozen=True, slots=True)
class Link:
    """The list that shows what a figure counts: a key and the parameters of its filter. Who shows it makes the address."""

    list: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number over four spans: today until now, the same hours of the day a week ago, the last seven days (with today),
    and the seven before them until the same time of day. None where nothing was timed."""

    key: str
    unit: Unit
    today: int | None
    same_day_last_week: int | None
    week: int | None
    week_before: int | None
    today_link: Link
    week_link: Link

    @property
    def today_change(self) -> float | None:
        """-0.25 for a quarter less than a week ago; None where there is nothing to compare with."""
        return _change(self.today, self.same_day_last_week)

    @property
    def week_change(self) -> float | None:
        return _change(self.week, self.week_before)


@dataclass(frozen=True, slots=True)
class DayPoint:
    day: date
    figures: Figures


@dataclass(frozen=True, slots=True)
class HourPoint:
    hour: datetime
    figures: Figures


@dataclass(frozen=True, slots=True)
class AssistantUsage:
    """An assistant's last seven days. `slug` and `name` are empty for one that was deleted."""

    id: UUID
    slug: str
    name: str
    figures: Figures
    link: Link


@dataclass(frozen=True, slots=True)
class Counter:
    """`key` is the state or reason that is counted."""

    key: str
    count: int
    link: Link


@dataclass(frozen=True, slots=True)
class Backlog:
    jobs: IndexBacklog
    open_link: Link
    failed_link: Link


@dataclass(frozen=True, slots=True)
class Overview:
    """`rolled_until`: what came later was counted just now."""

    now: datetime
    rolled_until: datetime | None
    figures: tuple[Figure, ...]
    days: tuple[DayPoint, ...]
    hours: tuple[HourPoint, ...]
    assistants: tuple[AssistantUsage, ...]
    refusals: tuple[Counter, ...]
    backlog: Backlog
    documents: tuple[Counter, ...]
    engines: tuple[SeenDeployment, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    key: str
    unit: Unit
    value: Callable[[Figures], int | None]
    list: str
    params: Mapping[str, str]


_FIGURES = (
    _Shown("questions", "count", lambda f: f.questions, "conversations", {}),
    _Shown("answered", "count", lambda f: f.answered, "conversations", {"status": "answered"}),
    _Shown("cited", "count", lambda f: f.cited, "conversations", {"status": "answered", "cited": "yes"}),
    _Shown("refused", "count", lambda f: f.refused, "conversations", {"status": "refused"}),
    _Shown("stopped", "count", lambda f: f.stopped, "conversations", {"status": "stopped"}),
    _Shown("failed", "count", lambda f: f.failed, "conversations", {"status": "failed"}),
    _Shown("thumbs_up", "count", lambda f: f.thumbs_up, "feedback", {"rating": "up"}),
    _Shown("thumbs_down", "count", lambda f: f.thumbs_down, "feedback", {"rating": "down"}),
    _Shown("first_token_p50", "ms", lambda f: f.first_token_p50, "usage", {"group_by": "hour"}),
    _Shown("first_token_p95", "ms", lambda f: f.first_token_p95, "usage", {"group_by": "hour"}),
    _Shown("total_p50", "ms", lambda f: f.total_p50, "usage", {"group_by": "hour"}),
    _Shown("total_p95", "ms", lambda f: f.total_p95, "usage", {"group_by": "hour"}),
    _Shown("prompt_tokens", "count", lambda f: f.prompt_tokens, "usage", {"group_by": "model"}),
    _Shown("completion_tokens", "count", lambda f: f.completion_tokens, "usage", {"group_by": "model"}),
)


def overview(*, principal: Principal, now: datetime) -> Overview:
    """Of the departments that the principal reviews, and the documents that they may read. Waits for no engine."""
    tenant_id = principal.tenant
    spans = _Spans.until(now)
    hours = usage_figures(principal=principal, query=UsageQuery(spans.week_before, now, "hour"))
    at = spans.same_time_last_week
    begun = usage_figures(principal=principal, query=UsageQuery(hour_of(at), at, "hour"))
    by_assistant = usage_figures(
        principal=principal, query=UsageQuery(spans.week, now, "assistant"), with_reasons=True
    )
    return Overview(
        now=now,
        rolled_until=rolled_until(tenant_id=tenant_id),
        figures=_figures(spans, hours, total(list(begun.values()))),
        days=_days(principal, spans, hours),
        hours=tuple(HourPoint(h, f) for h, f in sorted(hours.items()) if h >= hour_of(spans.today)),
        assistants=_assistants(tenant_id, spans, by_assistant),
        refusals=_refusals(spans, total(list(by_assistant.values()))),
        backlog=_backlog(tenant_id, spans),
        documents=tuple(
            Counter(status, count, Link("documents", {"status": status}))
            for status, count in documents_by_status(tenant_id=tenant_id).items()
        ),
        engines=tuple(registry().last_seen()),
    )


@dataclass(frozen=True, slots=True)
class _Spans:
    now: datetime
    today: datetime
    week: datetime
    week_before: datetime
    day_last_week: datetime
    same_time_last_week: datetime
    series: datetime

    @classmethod
    def until(cls, now: datetime) -> "_Spans":
        today = midnight(now)
        return cls(
            now=now,
            today=today,
            week=days_before(today, 6),
            week_before=days_before(today, 13),
            day_last_week=days_before(today, 7),
            same_time_last_week=days_before(now, 7),
            series=days_before(today, SERIES_DAYS - 1),
        )

    def link(self, list_: str, params: Mapping[str, str], start: datetime) -> Link:
        return Link(list_, {**params, "from": start.isoformat(), "to": self.now.isoformat()})


def _figures(spans: _Spans, hours: Mapping[datetime, Figures], begun: Figures) -> tuple[Figure, ...]:
    """`begun`: the part of its hour that had passed at this time a week ago."""

    def between(start: datetime, end: datetime) -> Figures:
        return total([figures for hour, figures in hours.items() if hour_of(start) <= hour < end])

    until = hour_of(spans.same_time_last_week)
    today, week = between(spans.today, spans.now), between(spans.week, spans.now)
    last_day = between(spans.day_last_week, until) + begun
    last_week = between(spans.week_before, until) + begun
    return tuple(
        Figure(
            key=one.key,
            unit=one.unit,
            today=one.value(today),
            same_day_last_week=one.value(last_day),
            week=one.value(week),
            week_before=one.value(last_week),
            today_link=spans.link(one.list, one.params, spans.today),
            week_link=spans.link(one.list, one.params, spans.week),
        )
        for one in _FIGURES
    )


def _days(principal: Principal, spans: _Spans, hours: Mapping[datetime, Figures]) -> tuple[DayPoint, ...]:
    older = UsageQuery(spans.series, spans.week_before, "day")
    days: dict[date, list[Figures]] = {}
    for day, figures in usage_figures(principal=principal, query=older).items():
        days.setdefault(day, []).append(figures)
    for hour, figures in hours.items():
        days.setdefault(timezone.localtime(hour).date(), []).append(figures)
    each = (timezone.localtime(days_before(spans.today, n)).date() for n in reversed(range(SERIES_DAYS)))
    return tuple(DayPoint(day, total(days.get(day, []))) for day in each)


def _assistants(
    tenant_id: UUID, spans: _Spans, found: Mapping[UUID | None, Figures]
) -> tuple[AssistantUsage, ...]:
    ranked = sorted(
        ((id_, figures) for id_, figures in found.items() if id_ is not None),
        key=lambda pair: (-pair[1].questions, pair[0]),
    )[:TOP_ASSISTANTS]
    rows = Assistant.objects.filter(tenant_id=tenant_id, pk__in=[id_ for id_, _ in ranked])
    names = {id_: (slug, name) for id_, slug, name in rows.values_list("id", "slug", "name")}
    return tuple(
        AssistantUsage(
            id_,
            *names.get(id_, ("", "")),
            figures,
            spans.link("conversations", {"assistant": str(id_)}, spans.week),
        )
        for id_, figures in ranked
    )


def _refusals(spans: _Spans, week: Figures) -> tuple[Counter, ...]:
    most = sorted(week.refused_by_reason.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(
        Counter(
            reason, count, spans.link("conversations", {"status": "refused", "reason": reason}, spans.week)
        )
        for reason, count in most
    )


def _backlog(tenant_id: UUID, spans: _Spans) -> Backlog:
    return Backlog(
        jobs=index_backlog(tenant_id=tenant_id, now=spans.now),
        open_link=Link("jobs", {"status": "open"}),
        failed_link=Link("jobs", {"status": "failed", "from": days_before(spans.now, 7).isoformat()}),
    )


def _change(now: int | None, before: int | None) -> float | None:
    return None if now is None or not before else (now - before) / before
