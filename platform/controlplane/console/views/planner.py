"""The capacity planner: whether a model fits on given cards, how to start it, how fast at most, and what it costs."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.plan_bar import memory_bar
from controlplane.console.plan_form import PlanForm
from controlplane.core.problems import InvalidInput
from controlplane.serving.planning import planned
from inference.planner import Plan


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


def _shown(answer: Plan) -> dict[str, Any]:
    chosen = answer.chosen
    return {"plan": answer, "bar": memory_bar(memory=chosen.memory) if chosen is not None else None}
