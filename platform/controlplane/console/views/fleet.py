"""Engines: all models with their replicas, and the forms that register, drain and remove them; for the platform alone."""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.fleet_forms import (
    DeploymentChangeForm,
    DeploymentForm,
    ReplicaChangeForm,
    ReplicaForm,
)
from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.once import OnceForm, done_once
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.core.problems import Problem
from controlplane.serving import services
from controlplane.serving.models import ModelDeployment, WantedState
from controlplane.serving.selectors import deployment_get, deployment_list, replica_get
from controlplane.serving.shown import Display


class FleetPage(ConsolePage):
    need = Need.PLATFORM_ADMIN
    section = "fleet"
    title = gettext_lazy("Engines")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("Engines"), reverse("console:fleet"))]

    def _form(self, form: ConsoleForm, *, submit: str, status: int = 200, **context: Any) -> HttpResponse:
        cancel = reverse("console:fleet")
        return self.page(form=form, crumbs=self.trail, submit=submit, cancel=cancel, status=status, **context)

    def _done(self, text: str) -> HttpResponse:
        messages.success(self.request, text)
        return back_to(reverse("console:fleet"))


class Fleet(FleetPage):
    template = "console/fleet/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        display, page = Display(), list_page(request=self.request, queryset=deployment_list())
        given = [] if "cursor" in self.request.GET else display.given()
        return {
            "page": page,
            "deployments": [*given, *display.deployments(page.rows)],
            "subtitle": _(
                "What answers, as the watch sees it. Every process knows of a change within a second."
            ),
        }


_FILLED = ("name", "kind", "base_url", "model", "capacity", "routes", "overflow_to", "context_tokens")


class _Adding(FleetPage, ABC):
    """A form that makes something, once however often it is sent."""

    template = "console/form_page.html"
    form_class: type[OnceForm]
    submit: str | Promise
    done: str | Promise

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(self.form_class(), submit=str(self.submit))

    def post(self, request: HttpRequest, **kwargs: UUID) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._form(form, submit=str(self.submit), status=422)
        try:
            done_once(
                principal=self.principal,
                mark=form.text("once"),
                request=request,
                work=lambda: self.make(form, **kwargs),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, submit=str(self.submit), status=problem.status)
        return self._done(str(self.done))

    @abstractmethod
    def make(self, form: Any, **kwargs: UUID) -> object:
        """By the services. Raises their Problems."""


class DeploymentAdd(_Adding):
    title = gettext_lazy("Register a model")
    form_class = DeploymentForm
    submit = gettext_lazy("Register the model")
    done = gettext_lazy("The model was registered. It gets requests when it has answered.")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Filled in from the address, as the planner links here; a key is never taken from there."""
        filled = {name: request.GET[name] for name in _FILLED if name in request.GET}
        return self._form(self.form_class(initial=filled), submit=str(self.submit))

    def make(self, form: DeploymentForm, **kwargs: UUID) -> object:
        actor = self.principal.actor
        deployment = services.deployment_create(actor=actor, **form.deployment())
        return services.replica_add(actor=actor, deployment_id=deployment.pk, **form.replica())


class ReplicaAdd(_Adding):
    title = gettext_lazy("Add a replica")
    form_class = ReplicaForm
    submit = gettext_lazy("Add the replica")
    done = gettext_lazy("The replica was added. It gets requests when it has answered.")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        deployment_get(deployment_id=kwargs["deployment_id"])
        return super().get(request, *args, **kwargs)

    def make(self, form: ReplicaForm, **kwargs: UUID) -> object:
        return services.replica_add(
            actor=self.principal.actor, deployment_id=kwargs["deployment_id"], **form.replica()
        )


class DeploymentChange(FleetPage):
    title = gettext_lazy("Change the model")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = deployment_get(deployment_id=kwargs["deployment_id"])
        return self._form(DeploymentChangeForm(initial=_initial(row)), submit=_("Save"))

    def post(self, request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        form = DeploymentChangeForm(request.POST)
        if not form.is_valid():
            return self._form(form, submit=_("Save"), status=422)
        try:
            services.deployment_change(
                actor=self.principal.actor, deployment_id=deployment_id, **form.deployment()
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, submit=_("Save"), status=problem.status)
        return self._done(_("The model was changed."))


class ReplicaChange(FleetPage):
    title = gettext_lazy("Change the replica")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = replica_get(replica_id=kwargs["replica_id"])
        initial = {"base_url": row.base_url, "model": row.model, "capacity": row.capacity}
        return self._form(ReplicaChangeForm(initial=initial), submit=_("Save"))

    def post(self, request: HttpRequest, replica_id: UUID) -> HttpResponse:
        form = ReplicaChangeForm(request.POST)
        if not form.is_valid():
            return self._form(form, submit=_("Save"), status=422)
        try:
            services.replica_change(actor=self.principal.actor, replica_id=replica_id, **form.replica())
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, submit=_("Save"), status=problem.status)
        return self._done(_("The replica was changed."))


class ReplicaWanted(FleetPage):
    """POST alone: nothing is lost by it, and it can be taken back."""

    http_method_names = ["post"]
    wanted: WantedState = WantedState.SERVING

    def post(self, request: HttpRequest, replica_id: UUID) -> HttpResponse:
        services.replica_want(actor=self.principal.actor, replica_id=replica_id, wanted=self.wanted)
        return self._done(str(_WANTED_TEXTS[self.wanted]))


class ReplicaRemove(FleetPage):
    title = gettext_lazy("Remove the replica")
    template = "console/fleet/remove.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = replica_get(replica_id=kwargs["replica_id"])
        heading = _("Remove the replica %(address)s?") % {"address": row.base_url}
        return self._form(ConsoleForm(), submit=_("Remove the replica"), heading=heading)

    def post(self, request: HttpRequest, replica_id: UUID) -> HttpResponse:
        services.replica_remove(actor=self.principal.actor, replica_id=replica_id)
        return self._done(_("The replica was removed."))


class DeploymentRemove(FleetPage):
    title = gettext_lazy("Remove the model")
    template = "console/fleet/remove.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = deployment_get(deployment_id=kwargs["deployment_id"])
        heading = _("Remove “%(name)s” with all its replicas?") % {"name": row.name}
        return self._form(ConsoleForm(), submit=_("Remove the model"), heading=heading)

    def post(self, request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        services.deployment_remove(actor=self.principal.actor, deployment_id=deployment_id)
        return self._done(_("The model was removed."))


_WANTED_TEXTS = {
    WantedState.SERVING: gettext_lazy("The replica is taken back in. It gets requests when it has answered."),
    WantedState.DRAINING: gettext_lazy("The replica drains: it finishes what it has and gets nothing new."),
    WantedState.OFF: gettext_lazy(
        "The replica is switched off: it finishes what it has and is not asked any more."
    ),
}


def _initial(row: ModelDeployment) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "routes": ", ".join(row.routes),
        "overflow_to": row.overflow_to,
        "description": row.description,
        "context_tokens": row.context_tokens,
    }
