"""The ledger in the console: single requests of the departments that one administers."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from controlplane.console.choices import administered_choices
from controlplane.console.ledger_words import OUTCOME_CHOICES
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.paging import list_page
from controlplane.core.days import begin_of
from controlplane.core.problems import InvalidInput
from controlplane.identity.actors import Actor, actors_matching, actors_of
from controlplane.identity.principal import Principal
from controlplane.metering.ledger_exports import ledger_csv
from controlplane.metering.ledger_lists import LedgerQuery, department_names, ledger_entries

_DAY = timedelta(days=1)


class FilterForm(forms.Form):
    """What cannot be read is as if it had not been sent: a filter is no entry."""

    who = forms.CharField(max_length=200, required=False)
    model = forms.CharField(max_length=200, required=False)
    department = forms.UUIDField(required=False)
    outcome = forms.ChoiceField(choices=[("", ""), *OUTCOME_CHOICES], required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def asked(self) -> dict[str, Any]:
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}


def people_meant(*, principal: Principal, who: str) -> list[Actor]:
    """Those whose name, address or id was typed."""
    if who.startswith(("user:", "key:")):
        return list(actors_of(tenant_id=principal.tenant, actors=[who[:64]]).values())
    return actors_matching(tenant_id=principal.tenant, q=who)


def query_of(asked: dict[str, Any], actor: str) -> LedgerQuery:
    return LedgerQuery(
        start=_begin(asked["since"]),
        end=_begin(asked["until"], after=_DAY),
        department_id=asked["department"] or None,
        actor=actor,
        model=asked["model"],
        outcome=asked["outcome"],
    )


def _begin(day: Any, *, after: timedelta = timedelta(0)) -> datetime | None:
    return begin_of(day) + after if day else None


class Requests(ConsolePage):
    need = Need.ADMIN
    section = "requests"
    title = _("Requests")
    template = "console/requests/list.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = FilterForm(request.GET).asked()
        candidates = people_meant(principal=self.principal, who=asked["who"]) if asked["who"] else []
        is_clear = not asked["who"] or len(candidates) == 1
        query = query_of(asked, candidates[0].text if candidates else "")
        found = ledger_entries(principal=self.principal, query=query)
        page = list_page(request=request, queryset=found if is_clear else found.none(), size=50)
        actors = actors_of(tenant_id=self.principal.tenant, actors=[row.actor for row in page.rows])
        names = department_names(tenant_id=self.principal.tenant)
        return self.page(
            subtitle=_("Every request to a model, with what it took and what it cost."),
            page=page,
            rows=[(row, actors[row.actor], names.get(row.department_id, "")) for row in page.rows],
            asked=asked,
            is_filtered=any(asked.values()),
            candidates=candidates if len(candidates) > 1 else [],
            departments=administered_choices(principal=self.principal),
            outcomes=OUTCOME_CHOICES,
        )


class RequestsExport(ConsolePage):
    """What the filters of the list show, however much."""

    need = Need.ADMIN
    section = "requests"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        asked = FilterForm(request.GET).asked()
        actor = ""
        if asked["who"]:
            candidates = people_meant(principal=self.principal, who=asked["who"])
            if len(candidates) != 1:  # the list shows nobody's requests then, and not everybody's
                raise InvalidInput(
                    code="actor_unclear",
                    field="who",
                    detail=_("It is not clear whose requests are meant: nobody or several people match."),
                    remedy=_("Choose one person or key in the list first."),
                )
            actor = candidates[0].text
        return ledger_csv(request=request, principal=self.principal, query=query_of(asked, actor))
