"""Who may ask an assistant."""

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from controlplane.assistants.access import access_set
from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import access_list
from controlplane.console.pages import back_to
from controlplane.console.views.assistants import AssistantsPage
from controlplane.core.problems import Problem
from controlplane.tenants.selectors import department_list

_SEPARATORS = re.compile(r"[\s,;，；、]+")


class AssistantAccess(AssistantsPage):
    template = "console/assistants/access.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._access(self.assistant(kwargs["slug"]))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        assistant = self.assistant(slug)
        typed = request.POST.get("add", "")
        people = [*request.POST.getlist("people"), *filter(None, _SEPARATORS.split(typed))]
        try:
            access_set(
                principal=self.principal,
                assistant=assistant,
                departments=request.POST.getlist("departments"),
                people=people,
            )
        except Problem as problem:
            return self._access(assistant, typed=typed, problem=problem, status=problem.status)
        messages.success(request, _("Who may ask the assistant was saved."))
        return back_to(reverse("console:assistant-access", args=[slug]))

    def _access(self, assistant: Assistant, *, status: int = 200, **more: Any) -> HttpResponse:
        granted = list(access_list(assistant=assistant))
        chosen = {row.department_id for row in granted}
        if self.request.method == "POST":  # what was ticked stays so
            ticked = set(self.request.POST.getlist("departments"))
            departments = self._departments(assistant)
            rows = [(department, department.slug in ticked) for department in departments]
        else:
            rows = [(department, department.pk in chosen) for department in self._departments(assistant)]
        return self.page(
            **self.about(assistant, "access"),
            departments=rows,
            people=[row.user for row in granted if row.user],
            status=status,
            **more,
        )

    def _departments(self, assistant: Assistant) -> Any:
        others = department_list(tenant_id=assistant.tenant_id).exclude(pk=assistant.department_id)
        return others.order_by("name")
