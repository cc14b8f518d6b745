"""Organisations: which of one's own the session is about, and, for the platform's administrators, all of them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.addresses import home_of
from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.once import OnceForm, done_once
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.core.problems import Problem, not_found
from controlplane.identity.authentication import TENANT_IN_SESSION, session_principal
from controlplane.identity.founding import FirstPerson, tenant_found
from controlplane.identity.models import User
from controlplane.identity.passwords import password_generate
from controlplane.identity.selectors import own_tenants
from controlplane.tenants.models import Tenant
from controlplane.tenants.selectors import tenant_get, tenant_list
from controlplane.tenants.services import tenant_rename
from controlplane.tenants.suspensions import LONGEST_REASON, tenant_resume, tenant_suspend


class TenantChoice(ConsolePage):
    """POST `tenant`: what the session is about from now on, in the console and in the chat."""

    need = Need.SIGNED_IN
    personal = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("tenant", "")
        own = {str(tenant.pk) for tenant in own_tenants(user_id=self.principal.user_id)}
        if wanted not in own:
            raise not_found(kind=_("organisation"), id=wanted)
        request.session[TENANT_IN_SESSION] = wanted
        assert isinstance(request.user, User)  # noqa: S101  (the base has made sure of it)
        return back_to(home_of(principal=session_principal(request=request, user=request.user)))


class TenantPage(ConsolePage):
    need = Need.PLATFORM_ADMIN
    section = "tenants"
    title = gettext_lazy("Organisations")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("Organisations"), reverse("console:tenants"))]


class Tenants(TenantPage):
    template = "console/tenants/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "page": list_page(request=self.request, queryset=tenant_list()),
            "subtitle": _(
                "Each is invisible to every other. What they own, the platform’s administrators do not see."
            ),
        }


class TenantForm(OnceForm):
    name = forms.CharField(label=gettext_lazy("Name of the organisation"), max_length=200)
    slug = forms.SlugField(
        label=gettext_lazy("Short name"),
        max_length=63,
        help_text=gettext_lazy("Small letters, digits and hyphens; it does not change any more."),
    )
    account = forms.ChoiceField(
        label=gettext_lazy("Its first administrator"),
        choices=(
            ("new", gettext_lazy("A new person: an account is made")),
            ("existing", gettext_lazy("Has an account on this platform already")),
        ),
        initial="new",
        widget=forms.RadioSelect,
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254)
    person = forms.CharField(label=gettext_lazy("Full name"), max_length=200)
    names = {"admin.email": "email", "admin.password": "email", "admin.name": "person"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].required = self.data.get("account") != "existing"

    def found(self, *, actor: str, password: str) -> Tenant:
        name = self.text("person") if password else ""
        first = FirstPerson(email=self.text("email"), password=password, name=name)
        return tenant_found(actor=actor, slug=self.text("slug"), name=self.text("name"), first=first)


class TenantAdd(TenantPage):
    title = gettext_lazy("Found an organisation")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(TenantForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TenantForm(request.POST)
        if not form.is_valid():
            return self._form(form, status=422)
        password = password_generate() if form.cleaned_data["account"] == "new" else ""
        try:
            tenant = done_once(
                principal=self.principal,
                mark=form.text("once"),
                request=request,
                work=lambda: form.found(actor=self.principal.actor, password=password),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status)
        if tenant is None:
            messages.info(request, _("The form was sent twice: the organisation was founded once."))
        elif password:
            person = User(email=form.text("email"), name=form.text("person"))
            address = reverse("console:tenants")
            return self.page(
                "console/people/password.html",
                title=_("The organisation was founded"),
                crumbs=self.trail,
                person=person,
                password=password,
                address=address,
            )
        else:
            messages.success(request, _("The organisation was founded."))
        return back_to(reverse("console:tenants"))

    def _form(self, form: TenantForm, status: int = 200) -> HttpResponse:
        return self.page(
            form=form,
            crumbs=self.trail,
            submit=_("Found the organisation"),
            cancel=reverse("console:tenants"),
            status=status,
        )


class RenameForm(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name of the organisation"), max_length=200)


class TenantRename(TenantPage):
    title = gettext_lazy("Rename the organisation")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        tenant = tenant_get(tenant_id=kwargs["tenant_id"])
        return self._form(RenameForm(initial={"name": tenant.name}))

    def post(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        form = RenameForm(request.POST)
        if not form.is_valid():
            return self._form(form, status=422)
        tenant = tenant_get(tenant_id=tenant_id)
        tenant_rename(actor=self.principal.actor, tenant=tenant, name=form.text("name"))
        messages.success(request, _("The organisation was renamed."))
        return back_to(reverse("console:tenants"))

    def _form(self, form: RenameForm, status: int = 200) -> HttpResponse:
        return self.page(
            form=form,
            crumbs=self.trail,
            submit=_("Save"),
            cancel=reverse("console:tenants"),
            status=status,
        )


class SuspendForm(ConsoleForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy(
            "The organisation’s administrators read it when they sign in. Its other people do not."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class TenantSuspend(TenantPage):
    title = gettext_lazy("Suspend the organisation")
    template = "console/tenants/suspend.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(kwargs["tenant_id"], SuspendForm())

    def post(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        form = SuspendForm(request.POST)
        if not form.is_valid():
            return self._form(tenant_id, form, status=422)
        try:
            tenant_suspend(actor=self.principal.actor, tenant_id=tenant_id, reason=form.text("reason"))
        except Problem as problem:
            form.add_problem(problem)
            return self._form(tenant_id, form, status=problem.status)
        messages.success(request, _("The organisation was suspended. Nothing of it was deleted."))
        return back_to(reverse("console:tenants"))

    def _form(self, tenant_id: UUID, form: SuspendForm, status: int = 200) -> HttpResponse:
        tenant = tenant_get(tenant_id=tenant_id)
        own = {known.pk for known in own_tenants(user_id=self.principal.user_id)}
        return self.page(form=form, crumbs=self.trail, tenant=tenant, is_own=tenant.pk in own, status=status)


class TenantResume(TenantPage):
    """POST alone: nothing is lost by it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        tenant_resume(actor=self.principal.actor, tenant_id=tenant_id)
        messages.success(request, _("The organisation works again; what waited goes on within seconds."))
        return back_to(reverse("console:tenants"))
