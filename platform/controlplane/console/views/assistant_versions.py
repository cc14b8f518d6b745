"""Versions of an assistant: the list, what differs between two, and going back to one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import version_get, version_list
from controlplane.assistants.services import assistant_restore
from controlplane.console.assistant_versions import compared
from controlplane.console.pages import back_to
from controlplane.console.paging import list_page
from controlplane.console.views.assistants import AssistantsPage
from controlplane.core.problems import Problem
from controlplane.identity.actors import actors_of

# To compare with.
_OFFERED = 200


class AssistantVersions(AssistantsPage):
    template = "console/assistants/versions.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assistant = self.assistant(kwargs["slug"])
        page = list_page(request=request, queryset=version_list(assistant=assistant))
        who = actors_of(tenant_id=assistant.tenant_id, actors=[version.actor for version in page.rows])
        rows = [(version, who[version.actor]) for version in page.rows]
        return self.page(**self.about(assistant, "versions"), page=page, rows=rows)


class AssistantVersionDetail(AssistantsPage):
    """What a version changed, against the one before it or any other: `?against=`."""

    template = "console/assistants/version.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assistant, number = self.assistant(kwargs["slug"]), kwargs["number"]
        version = version_get(assistant=assistant, number=number)
        against = _number(request.GET.get("against", "")) or max(1, number - 1)
        other = version_get(assistant=assistant, number=against)
        before, after = sorted((version, other), key=lambda one: one.number)
        who = actors_of(tenant_id=assistant.tenant_id, actors=[version.actor])
        return self.page(
            **self.about(assistant, "versions"),
            version=version,
            author=who[version.actor],
            against=against,
            comparison=compared(tenant_id=assistant.tenant_id, before=before, after=after),
            numbers=_numbers(assistant),
        )


def _numbers(assistant: Assistant) -> list[int]:
    newest = version_list(assistant=assistant).order_by("-number")
    return list(newest.values_list("number", flat=True)[:_OFFERED])


class AssistantRestore(AssistantsPage):
    def post(self, request: HttpRequest, slug: str, number: int) -> HttpResponse:
        assistant = self.assistant(slug)
        based_on = _number(request.POST.get("version", ""))
        try:
            restored = assistant_restore(
                principal=self.principal, assistant=assistant, number=number, based_on=based_on
            )
        except Problem as problem:
            if problem.code != "version_conflict":
                raise
            messages.error(request, problem.told())
            return back_to_versions(slug)
        if restored.version == assistant.version:
            messages.info(request, _("The assistant is already as it was in version %s.") % number)
        else:
            values = {"old": number, "new": restored.version}
            messages.success(request, _("Version %(old)s was restored as version %(new)s.") % values)
        return back_to_versions(slug)


def back_to_versions(slug: str) -> HttpResponse:
    return back_to(reverse("console:assistant-versions", args=[slug]))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
