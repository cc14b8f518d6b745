"""The capacity planner: whether a model fits on given cards, how to start it, how fast at most, and what it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.plan_bar import memory_bar
from controlplane.console.plan_form import PlanForm
from controlplane.core.problems import InvalidInput, NotFound
from controlplane.serving.launching import LaunchFile, launch_file
from controlplane.serving.planning import planned
from inference.launch import FORMS, Site
from inference.planner import Plan

_TITLES: Mapping[str, Promise] = {
    "process": _("Script for one host"),
    "compose": _("Compose, one host"),
    "helm": _("Helm values for the vLLM production-stack"),
    "leader-worker-set": _("LeaderWorkerSet for Kubernetes"),
}


class Planner(ConsolePage):
    """The question stands in the address, so that a plan can be handed on. Nothing is stored."""

    need = Need.SOME_ADMIN
    section = "planner"
    title = _("Capacity planner")
    template = "console/planner/page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "model" not in request.GET:
            return self.page(form=PlanForm())
        form = PlanForm(request.GET)
        if not form.is_valid():
            return self.page(form=form, status=422)
        try:
            answer = planned(request=form.request())
        except InvalidInput as problem:
            form.add_problem(problem)
            return self.page(form=form, status=422)
        return self.page(form=form, **_shown(answer))


class PlannerFile(ConsolePage):
    """The file that starts the engines of a plan, for the site as usual: its paths are edited where it is used."""

    need = Need.SOME_ADMIN

    def get(self, request: HttpRequest, form: str) -> HttpResponse:
        asked = PlanForm(request.GET)
        if form not in FORMS or not asked.is_valid():
            raise NotFound(code="not_found", detail=gettext("There is no such plan."))
        file = launch_file(plan=planned(request=asked.request()), form=form, site=Site())
        answer = HttpResponse(file.content, content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=file.file_name
        )
        return answer


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """`refused` says why this form does not start the plan. `registering`: the address where its engine, or the first of
    several, is registered, filled in."""

    form: str
    title: Promise
    file: LaunchFile | None
    refused: str = ""

    @property
    def registering(self) -> str:
        if self.file is None:
            return ""
        routes = ", ".join(self.file.deployment["routes"])
        fields = {**self.file.deployment, "routes": routes, **self.file.replicas[0]}
        filled = {name: value for name, value in fields.items() if value not in (None, "")}
        return f"{reverse('console:deployment-add')}?{urlencode(filled)}"


def _offered(answer: Plan) -> Iterator[OfferedFile]:
    for form, title in _TITLES.items():
        try:
            yield OfferedFile(form, title, launch_file(plan=answer, form=form, site=Site()))
        except InvalidInput as problem:
            yield OfferedFile(form, title, None, problem.told())


def _shown(answer: Plan) -> dict[str, Any]:
    chosen = answer.chosen
    return {
        "plan": answer,
        "bar": memory_bar(memory=chosen.memory) if chosen is not None else None,
        "files": list(_offered(answer)) if answer.launch is not None else [],
    }
