"""Lists of people as files: taking one in, after a look at what each line would do, and writing one out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.once import done_once
from controlplane.console.pages import back_to
from controlplane.console.views.people import PeoplePage
from controlplane.console.views.people_forms import FileForm, TakeOverForm
from controlplane.core.csv_export import Block, csv_response, csv_text
from controlplane.core.problems import Problem
from controlplane.core.scope import scoped
from controlplane.identity.directory import EXPORT_COLUMNS, person_list, person_rows
from controlplane.identity.people import people_export_note
from controlplane.identity.people_file import (
    COLUMNS,
    MOST_BYTES,
    PeopleLine,
    headings_passed_over,
    people_lines,
)
from controlplane.identity.people_import import people_import, people_plan

_EXPORTED_AT_ONCE = 2_000


class PeopleImport(PeoplePage):
    """What the file would do; nothing is written. The lines go into the page, and come back from there."""

    title = gettext_lazy("Import people")
    template = "console/people/import.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "template" in request.GET:
            return _template()
        return self.page(form=FileForm(), crumbs=self.trail)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = FileForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.page(form=form, crumbs=self.trail, status=422)
        try:
            content = form.cleaned_data["file"].read(MOST_BYTES + 1)
            lines = people_lines(content=content)
            plan = people_plan(principal=self.principal, lines=lines)
        except Problem as problem:
            form.add_problem(problem)
            return self.page(form=form, crumbs=self.trail, status=problem.status)
        return self.page(
            form=form,
            crumbs=self.trail,
            plan=plan,
            passed_over=headings_passed_over(content=content),
            take_over=TakeOverForm(initial={"lines": _as_text(lines)}),
        )


class PeopleTakeOver(PeoplePage):
    http_method_names = ["post"]
    title = gettext_lazy("People were imported")
    template = "console/people/imported.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TakeOverForm(request.POST)
        if not form.is_valid():
            return back_to(reverse("console:people-import"))
        imported = done_once(
            principal=self.principal,
            mark=form.text("once"),
            request=request,
            work=lambda: people_import(
                principal=self.principal, lines=people_lines(content=form.text("lines").encode())
            ),
        )
        if imported is None:
            messages.info(
                request,
                _("The list was sent twice: it was imported once, and its passwords are not shown again."),
            )
            return back_to(reverse("console:people"))
        secrets = [
            ("email", "name", "password"),
            *((p.email, p.name, p.password) for p in imported.passwords),
        ]
        return self.page(
            crumbs=self.trail,
            imported=imported,
            counts=imported.plan.counts,
            secrets=csv_text(secrets),
            address=reverse("console:people"),
        )


class PeopleExport(PeoplePage):
    """Everybody whom the administrator sees; the file can be changed and imported again."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        principal = self.principal
        people_export_note(principal=principal)

        def read(after: UUID | None) -> Block[UUID]:
            with scoped(principal.scope()):
                people = person_list(principal=principal).order_by("pk")
                block = list((people.filter(pk__gt=after) if after else people)[:_EXPORTED_AT_ONCE])
                rows = list(person_rows(people=block))
            return Block(rows, block[-1].pk if len(block) == _EXPORTED_AT_ONCE else None)

        return csv_response(request=request, filename=f"{_('People')}.csv", header=EXPORT_COLUMNS, read=read)


def _template() -> HttpResponse:
    example = ("li.lei@example.org", "李雷", "finance", "member", "internal")
    return HttpResponse(
        "\ufeff" + csv_text([COLUMNS, example]),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="people.csv"'},
    )


def _as_text(lines: Sequence[PeopleLine]) -> str:
    """With empty lines where the file had some: errors are told by the file's own numbers."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for line in lines:
        rows += [("",)] * (line.number - len(rows) - 1)
        rows.append((line.email, line.name, line.department, line.role, line.clearance))
    return csv_text(rows)
