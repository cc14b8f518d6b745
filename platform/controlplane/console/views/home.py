"""The overview, and usage in detail: what is asked, how well it is answered, and what waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.addresses import api_address, chat_address
from controlplane.console.charts import WHOLE_WIDTH, Chart, Series, bar_chart, line_chart
from controlplane.console.cost_charts import cost_charts
from controlplane.console.needs import Need, uses_console
from controlplane.console.pages import ConsolePage, back_to
from controlplane.core.days import FIRST, LAST, begin_of
from controlplane.metering.figures import NOTHING
from controlplane.metering.ledger_lists import cost_groups, department_names
from controlplane.metering.overview import Figure, Link, Overview, overview
from controlplane.metering.selectors import UsageGroup, usage_groups
from controlplane.metering.spans import GROUPS, UsageQuery
from controlplane.serving.registry import registry

_DAY = timedelta(days=1)
# What a list of the console calls the parameters of a figure's link.
_PAGES = {"conversations": "conversations", "feedback": "feedback", "usage": "usage", "jobs": "jobs"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of today beside the same hours a week ago. `is_good` tells whether more of it is welcome; None: neither."""

    label: Promise
    value: int | None
    before: int | None
    week: int | None
    change: float | None
    unit: str
    address: str
    is_good: bool | None

    @property
    def trend(self) -> str:
        if not self.change or self.is_good is None:
            return ""
        return "good" if (self.change > 0) == self.is_good else "bad"

    @property
    def percent(self) -> int | None:
        return None if self.change is None else round(self.change * 100)


_TILES: tuple[tuple[str, Promise, bool | None], ...] = (
    ("questions", gettext_lazy("Questions"), None),
    ("cited", gettext_lazy("Answers with sources"), True),
    ("refused", gettext_lazy("Refused"), None),
    ("failed", gettext_lazy("Failed"), False),
    ("thumbs_up", gettext_lazy("Marked helpful"), True),
    ("thumbs_down", gettext_lazy("Marked not helpful"), False),
    ("first_token_p50", gettext_lazy("First token, median"), False),
    ("completion_tokens", gettext_lazy("Tokens written"), None),
)


class OverviewPage(ConsolePage):
    """Who has nothing to do in the console is led to the chat."""

    need = Need.SIGNED_IN
    section = "overview"
    title = gettext_lazy("Overview")
    template = "console/overview.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not uses_console(self.principal):
            return back_to(chat_address())
        if (
            not self.principal.write_departments
        ):  # the platform's administrator, who belongs to no organisation
            return self.page("console/overview_empty.html")
        seen = overview(principal=self.principal, now=timezone.now())
        return self.page(
            overview=seen,
            tiles=_tiles(seen.figures),
            days=_by_day(seen),
            hours=_by_hour(seen),
            speed=_speed(seen),
            backlog=seen.backlog,
            open_jobs=address_of(seen.backlog.open_link),
            failed_jobs=address_of(seen.backlog.failed_link),
            documents=[(_STATES.get(c.key, c.key), c.key, c.count) for c in seen.documents],
            refusals=[(c.key, c.count, address_of(c.link)) for c in seen.refusals],
        )


class OverviewEngines(ConsolePage):
    """The part of the overview with the states of the engines, asked: another process may have seen them since."""

    need = Need.MANAGER
    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        async_to_sync(registry().deployments)()
        context = {"engines": registry().last_seen(), "asked": True}
        return render(request, "console/parts/engine_states.html", context)


_STATES: Mapping[str, Promise] = {
    "ready": gettext_lazy("ready"),
    "queued": gettext_lazy("queued"),
    "parsing": gettext_lazy("parsing"),
    "embedding": gettext_lazy("embedding"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
}


def address_of(link: Link) -> str:
    """Of the page that lists what a figure counts; empty while there is none."""
    params = dict(link.params)
    if link.list == "conversations":
        params = _days_of(params)
    if link.list == "feedback":
        params = {"status": "", "rating": params.get("rating", "")}
    try:
        address = reverse(f"console:{_PAGES[link.list]}")
    except (KeyError, NoReverseMatch):
        return ""
    return f"{address}?{urlencode(params)}" if params else address


def _days_of(params: dict[str, str]) -> dict[str, str]:
    """The list of conversations counts in days."""
    kept = {name: params[name] for name in ("status",) if name in params}
    for name, sent in (("since", "from"), ("until", "to")):
        if sent in params:
            kept[name] = timezone.localtime(datetime.fromisoformat(params[sent])).date().isoformat()
    return kept


def _tiles(figures: Sequence[Figure]) -> list[Tile]:
    by_key = {figure.key: figure for figure in figures}
    tiles = []
    for key, label, is_good in _TILES:
        figure = by_key[key]
        tiles.append(
            Tile(
                label=label,
                value=figure.today,
                before=figure.same_day_last_week,
                week=figure.week,
                change=figure.today_change,
                unit=figure.unit,
                address=address_of(figure.today_link),
                is_good=is_good,
            )
        )
    return tiles


def _by_day(seen: Overview) -> Chart:
    return bar_chart(
        title=_("Questions of the last 30 days"),
        labels=[f"{point.day:%m-%d}" for point in seen.days],
        series=[
            Series(_("answered"), [p.figures.answered for p in seen.days], 1),
            Series(_("refused"), [p.figures.refused for p in seen.days], 2),
            Series(_("failed"), [p.figures.failed for p in seen.days], 5),
        ],
    )


def _by_hour(seen: Overview) -> Chart:
    """The whole day: what is to come stays empty."""
    asked = {timezone.localtime(point.hour).hour: point.figures.questions for point in seen.hours}
    return bar_chart(
        title=_("Questions of today by the hour"),
        labels=[f"{hour:02}:00" for hour in range(24)],
        series=[Series(_("questions"), [asked.get(hour, 0) for hour in range(24)], 1)],
    )


def _speed(seen: Overview) -> Chart:
    return line_chart(
        title=_("Time to the first token"),
        labels=[f"{point.day:%m-%d}" for point in seen.days],
        series=[
            Series(_("median"), [p.figures.first_token_p50 for p in seen.days], 1),
            Series(_("95 of 100 are faster"), [p.figures.first_token_p95 for p in seen.days], 3),
        ],
        unit=" ms",
    )


_GROUP_NAMES: Mapping[str, Promise] = {
    "day": gettext_lazy("by day"),
    "hour": gettext_lazy("by hour"),
    "department": gettext_lazy("by department"),
    "assistant": gettext_lazy("by assistant"),
    "model": gettext_lazy("by model"),
}
_LONGEST = {"hour": 7}


class UsageForm(forms.Form):
    """What cannot be read is as if it had not been sent."""

    group_by = forms.ChoiceField(choices=[(name, name) for name in GROUPS], required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def query(self, *, now: datetime) -> UsageQuery:
        self.is_valid()
        data = self.cleaned_data
        group_by = next((name for name in GROUPS if name == data.get("group_by")), GROUPS[1])
        until = min(max(data.get("until") or LAST, FIRST), timezone.localtime(now).date())
        since = data.get("since") or until - timedelta(days=29)
        since = max(since, until - timedelta(days=_LONGEST.get(group_by, 366) - 1))
        end = begin_of(until) + _DAY
        return UsageQuery(start=begin_of(min(since, until)), end=min(end, now), group_by=group_by)


class UsagePage(ConsolePage):
    need = Need.MANAGER
    section = "usage"
    title = gettext_lazy("Usage")
    template = "console/usage.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        query = UsageForm(request.GET).query(now=timezone.now())
        groups = usage_groups(principal=self.principal, query=query)
        days = _days(query)
        period = {"from": query.start.isoformat(), "to": query.end.isoformat()}
        return self.page(
            groups=groups,
            query=query,
            until=timezone.localtime(query.end - timedelta(microseconds=1)).date(),
            group_names=[(name, _GROUP_NAMES[name]) for name in GROUPS],
            chart=_usage_chart(groups, days),
            costs=cost_charts(
                found=cost_groups(principal=self.principal, query=query),
                names=department_names(tenant_id=self.principal.tenant),
                days=days,
            ),
            export=f"{api_address()}/usage?{urlencode({**period, 'group_by': query.group_by, 'format': 'csv'})}",
        )


def _days(query: UsageQuery) -> Sequence[date]:
    """All of the period, where it is shown by day: one without a question is as wide as any other."""
    if query.group_by != "day":
        return ()
    first = timezone.localtime(query.start).date()
    last = timezone.localtime(query.end - timedelta(microseconds=1)).date()
    return [first + timedelta(days=passed) for passed in range((last - first).days + 1)]


def _usage_chart(groups: Sequence[UsageGroup], days: Sequence[date]) -> Chart:
    named = {group.label or group.key or "–": group.figures for group in groups}
    if days and named:
        named = {(label := day.isoformat()): named.get(label, NOTHING) for day in days}
    return bar_chart(
        title=_("Tokens"),
        labels=list(named),
        series=[
            Series(_("read"), [figures.prompt_tokens for figures in named.values()], 1),
            Series(_("written"), [figures.completion_tokens for figures in named.values()], 2),
        ],
        width=WHOLE_WIDTH,
    )
