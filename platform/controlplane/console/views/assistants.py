"""Assistants: the list, a new one, and the editor of one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.assistants import selectors
from controlplane.assistants.content import AssistantContent
from controlplane.assistants.models import Assistant
from controlplane.assistants.services import (
    assistant_change,
    assistant_create,
    assistant_delete,
    assistant_enable,
)
from controlplane.chat.selectors import conversation_count
from controlplane.console.addresses import chat_address
from controlplane.console.api_examples import examples
from controlplane.console.assistant_forms import AssistantForm, EditorForm
from controlplane.console.assistant_versions import Comparison, compared
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.core.problems import Problem
from controlplane.documents.models import KnowledgeBase
from controlplane.metering.selectors import usage_figures
from controlplane.metering.spans import WEEK, UsageQuery, hour_of
from controlplane.tenants.brands import brands
from controlplane.tenants.selectors import department_get


class AssistantsPage(ConsolePage):
    need = Need.MANAGER
    section = "assistants"

    def assistant(self, slug: str) -> Assistant:
        return selectors.managed_assistant_get(principal=self.principal, slug=slug)

    def crumbs(self) -> list[tuple[Any, str]]:
        return [(gettext_lazy("Assistants"), reverse("console:assistants"))]

    def about(self, assistant: Assistant, tab: str) -> dict[str, Any]:
        """What the head of each page of one assistant needs."""
        return {
            "assistant": assistant,
            "tab": tab,
            "title": assistant.name,
            "brand": brands(tenant_id=assistant.tenant_id).of(assistant.department_id),
            "conversations": conversation_count(assistant=assistant),
            "chat": f"{chat_address()}?assistant={assistant.slug}",
            "crumbs": self.crumbs(),
        }


class Assistants(AssistantsPage):
    title = gettext_lazy("Assistants")
    template = "console/assistants/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        page = list_page(
            request=self.request, queryset=selectors.managed_assistant_list(principal=self.principal), size=24
        )
        tenant_id = self.principal.tenant
        knowledge = selectors.knowledge_of(tenant_id=tenant_id, assistants=page.rows)
        known = brands(tenant_id=tenant_id)
        nothing = selectors.LinkedKnowledge()
        rows = [(a, known.of(a.department_id), knowledge.get(a.pk, nothing)) for a in page.rows]
        return {"page": page, "rows": rows}


class AssistantFigures(AssistantsPage):
    """The figures of the last week, fetched after the list: nobody waits for their being counted."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        week = UsageQuery(start=hour_of(now - WEEK), end=now, group_by="assistant")
        weeks = usage_figures(principal=self.principal, query=week)
        asked = [slug for slug in request.GET.getlist("slug") if slug]
        found = selectors.managed_assistant_list(principal=self.principal).filter(slug__in=asked)
        rows = [(assistant, weeks.get(assistant.pk)) for assistant in found]
        return render(request, "console/assistants/figures.html", {"rows": rows})


class AssistantNew(AssistantsPage):
    title = gettext_lazy("New assistant")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(AssistantForm(principal=self.principal))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AssistantForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self._form(form, status=422)
        try:
            assistant = assistant_create(
                principal=self.principal,
                slug=form.text("slug"),
                department=department_get(tenant_id=self.principal.tenant, key=form.text("department")),
                content=AssistantContent(name=form.text("name")),
                knowledge_bases=form.bases(),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status)
        messages.success(request, _("The assistant was created. Tell it how to answer, and try it."))
        return back_to(reverse("console:assistant", args=[assistant.slug]))

    def _form(self, form: AssistantForm, status: int = 200) -> HttpResponse:
        return self.page(
            form=form,
            submit=_("Create"),
            cancel=reverse("console:assistants"),
            crumbs=self.crumbs(),
            status=status,
        )


class AssistantEditor(AssistantsPage):
    template = "console/assistants/editor.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assistant = self.assistant(kwargs["slug"])
        linked = selectors.knowledge_base_ids(assistant=assistant)
        return self._editor(assistant, EditorForm.of(assistant, linked, self._bases()))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        assistant = self.assistant(slug)
        form = EditorForm(request.POST, bases=self._bases())
        if not form.is_valid():
            return self._editor(assistant, form, status=422)
        try:
            changed = assistant_change(
                principal=self.principal,
                assistant=assistant,
                content=form.content(),
                knowledge_bases=form.bases(),
                based_on=form.based_on(),
                note=form.text("note"),
            )
        except Problem as problem:
            if problem.code == "version_conflict":
                newest = self.assistant(slug)
                conflict = self._what_changed(newest, form.based_on())
                return self._editor(newest, form, status=409, conflict=conflict, problem=problem)
            form.add_problem(problem)
            return self._editor(assistant, form, status=problem.status)
        if changed.version == assistant.version:
            messages.info(request, _("Nothing was changed."))
        else:
            messages.success(request, _("Saved as version %s.") % changed.version)
        return back_to(reverse("console:assistant", args=[slug]))

    def _bases(self) -> Sequence[KnowledgeBase]:
        return list(selectors.choosable_bases(tenant_id=self.principal.tenant))

    def _what_changed(self, assistant: Assistant, since: int) -> Comparison | None:
        numbers = [since, assistant.version]
        found = selectors.version_list(assistant=assistant).filter(number__in=numbers).order_by("number")
        before, *after = list(found)
        return compared(tenant_id=assistant.tenant_id, before=before, after=after[0]) if after else None

    def _editor(
        self, assistant: Assistant, form: EditorForm, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        knowledge = selectors.knowledge_of(tenant_id=assistant.tenant_id, assistants=[assistant])
        linked = knowledge.get(assistant.pk, selectors.LinkedKnowledge())
        return self.page(
            **self.about(assistant, "edit"),
            form=form,
            rows=form.base_rows(),
            hidden_bases=linked.hidden,
            status=status,
            **more,
        )


class AssistantSwitch(AssistantsPage):
    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        enabled = request.POST.get("enabled") == "on"
        assistant_enable(principal=self.principal, assistant=self.assistant(slug), enabled=enabled)
        text = _("The assistant is switched on.") if enabled else _("The assistant is switched off.")
        messages.success(request, text)
        return back_to(reverse("console:assistant", args=[slug]))


class AssistantDelete(AssistantsPage):
    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        assistant = self.assistant(slug)
        assistant_delete(principal=self.principal, assistant=assistant)
        messages.success(request, _("The assistant “%s” was deleted.") % assistant.name)
        return back_to(reverse("console:assistants"))


class AssistantApi(AssistantsPage):
    """How a program asks it."""

    template = "console/assistants/api.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assistant = self.assistant(kwargs["slug"])
        return self.page(**self.about(assistant, "api"), examples=examples(slug=assistant.slug))
