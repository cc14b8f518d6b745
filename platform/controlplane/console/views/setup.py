"""The first-run wizard: organisation and administrator, engines, a department with its knowledge, the first question."""

from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import messages
from django.core.validators import validate_slug
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from controlplane.assistants.opening import department_open
from controlplane.assistants.selectors import assistant_of_base
from controlplane.console.addresses import api_address, model_address
from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.uploads import upload_context
from controlplane.core.problems import Problem
from controlplane.core.secrecy import Secrecy
from controlplane.documents.embedding import served_model
from controlplane.documents.selectors import knowledge_base_get
from controlplane.identity.founding import FirstPerson
from controlplane.identity.setup import is_set_up, platform_set_up
from controlplane.identity.sign_in import session_start
from controlplane.serving.registry import registry
from inference.errors import EngineError


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    title: Promise


STEPS = (
    Step("organisation", gettext_lazy("Organisation")),
    Step("engine", gettext_lazy("Engines")),
    Step("knowledge", gettext_lazy("First knowledge base")),
    Step("question", gettext_lazy("First question")),
)


class OrganisationForm(ConsoleForm):
    names = {"admin.name": "person", "admin.email": "email", "admin.password": "password"}

    name = forms.CharField(label=gettext_lazy("Name of the organisation"), max_length=200)
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=63,
        initial="main",
        validators=[validate_slug],
        help_text=gettext_lazy("Latin letters, digits and hyphens; it appears in addresses and exports."),
    )
    person = forms.CharField(label=gettext_lazy("Your name"), max_length=200)
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        max_length=254,
        help_text=gettext_lazy("You sign in with it; no mail is sent."),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=128,
        help_text=gettext_lazy("At least 10 characters, neither common nor like your name."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    token = forms.CharField(
        label=gettext_lazy("Token of this installation"),
        max_length=64,
        help_text=gettext_lazy(
            "It is in the link that the start has printed; manage.py setup_link prints it again."
        ),
    )


class Organisation(View):
    """Open to whoever has the installation's token, until there is an organisation."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if is_set_up():
            return redirect("console:overview")
        return _page(request, OrganisationForm(initial={"token": request.GET.get("token", "")}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = OrganisationForm(request.POST)
        if not form.is_valid():
            return _page(request, form, status=422)
        data = form.cleaned_data
        admin = FirstPerson(email=data["email"], password=data["password"], name=data["person"])
        try:
            platform_set_up(admin=admin, **form.values("token", "name", "slug"))
            session_start(request=request, email=admin.email, password=admin.password)
        except Problem as problem:
            form.add_problem(problem)
            return _page(request, form, status=problem.status)
        return redirect("console:setup-engine")


def _page(request: HttpRequest, form: OrganisationForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "steps": STEPS, "step": "organisation", "title": _("Set up Karez")}
    return render(request, "console/setup/organisation.html", context, status=status)


class SetupPage(ConsolePage):
    need = Need.TENANT_ADMIN
    section = "overview"
    title = gettext_lazy("Set up Karez")
    step = ""

    def page(self, template: str = "", *, status: int = 200, **context: Any) -> HttpResponse:
        return super().page(template, status=status, steps=STEPS, step=self.step, **context)


class Engine(SetupPage):
    step = "engine"
    template = "console/setup/engine.html"


class EngineState(ConsolePage):
    """What the engines and the embedding service say now: a fragment that the page asks for, with no transaction open."""

    need = Need.TENANT_ADMIN
    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        deployments = async_to_sync(registry().deployments)()
        return render(
            request,
            "console/setup/engine_state.html",
            {
                "deployments": deployments,
                "embedding": _embedding(),
                "ready": any(d.state == "ready" for d in deployments),
            },
        )


def _embedding() -> str:
    try:
        return served_model().name
    except EngineError:
        return ""


class KnowledgeForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Department"),
        max_length=200,
        help_text=gettext_lazy("Who asks first, for example “Finance” or “Dispatching”."),
    )
    slug = forms.CharField(
        label=gettext_lazy("Short name of the department"),
        max_length=63,
        validators=[validate_slug],
        help_text=gettext_lazy("Latin letters, digits and hyphens, for example finance."),
    )
    base_name = forms.CharField(
        label=gettext_lazy("Knowledge base"),
        max_length=200,
        help_text=gettext_lazy(
            "A collection of documents that belong together, for example “Rules and procedures”."
        ),
    )
    secrecy = forms.TypedChoiceField(
        label=gettext_lazy("Secrecy"),
        choices=Secrecy.choices,
        initial=Secrecy.INTERNAL,
        coerce=lambda value: Secrecy(int(value)),
        help_text=gettext_lazy("Only people cleared for this level get answers from it."),
    )


class Knowledge(SetupPage):
    step = "knowledge"
    template = "console/setup/knowledge.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page(form=KnowledgeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KnowledgeForm(request.POST)
        if not form.is_valid():
            return self.page(form=form, status=422)
        try:
            opened = department_open(
                principal=self.principal, **form.values("name", "slug", "base_name", "secrecy")
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.page(form=form, status=problem.status)
        messages.success(request, _("The department, its knowledge base and its assistant are there."))
        return back_to(reverse("console:setup-question", args=[opened.base.pk]))


class Question(SetupPage):
    """Upload the first documents, and ask as soon as one of them is ready."""

    step = "question"
    template = "console/setup/question.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        base = knowledge_base_get(tenant_id=self.principal.tenant, base_id=kwargs["base_id"])
        return self.page(
            base=base,
            upload=upload_context(principal=self.principal, base=base),
            assistant=assistant_of_base(principal=self.principal, base_id=base.pk),
            api=api_address(),
            model_api=model_address(),
        )
