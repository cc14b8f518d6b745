"""What the requests of a period cost, as a chart for each currency: amounts of two cannot be added."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from controlplane.console.charts import WHOLE_WIDTH, Chart, Series, bar_chart
from controlplane.metering.ledger_lists import CostGroup


def cost_charts(
    *, found: Sequence[CostGroup], names: Mapping[UUID, str], days: Sequence[date] = ()
) -> list[Chart]:
    """None where nothing had a price. `days`: the whole period, where it is shown by day."""
    return [_chart(currency, found, names, days) for currency in sorted({group.currency for group in found})]


def _chart(
    currency: str, found: Sequence[CostGroup], names: Mapping[UUID, str], days: Sequence[date]
) -> Chart:
    costs = {group.key: float(group.cost) for group in found if group.currency == currency}
    if days:
        costs = {day: costs.get(day, 0.0) for day in days}
    return bar_chart(
        title=_("Cost of requests, %(currency)s") % {"currency": currency},
        labels=[_label(key, names) for key in costs],
        series=[Series(_("cost"), list(costs.values()), 3)],
        unit=f" {currency}",
        width=WHOLE_WIDTH,
    )


def _label(key: Any, names: Mapping[UUID, str]) -> str:
    if isinstance(key, datetime):
        return f"{timezone.localtime(key):%m-%d %H:%M}"
    if isinstance(key, date):
        return key.isoformat()
    return names.get(key, "–") if isinstance(key, UUID) else key or "–"
