"""Knowledge bases: the list, a new one, and the settings of one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.console.secrecy import secrecy_choices
from controlplane.core.problems import InvalidInput, Problem
from controlplane.core.secrecy import Secrecy
from controlplane.documents import selectors
from controlplane.documents.contents import base_contents
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.services import knowledge_bases, reindexing
from controlplane.identity.principal import Principal
from controlplane.tenants.selectors import department_list


class KnowledgePage(ConsolePage):
    need = Need.MANAGER
    section = "knowledge"

    def base(self, base_id: UUID) -> KnowledgeBase:
        return selectors.knowledge_base_get(tenant_id=self.principal.tenant, base_id=base_id)

    def crumbs(self, *more: tuple[str, str]) -> list[tuple[Any, str]]:
        return [(gettext_lazy("Knowledge bases"), reverse("console:knowledge")), *more]


class Bases(KnowledgePage):
    title = gettext_lazy("Knowledge bases")
    template = "console/knowledge/bases.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        tenant_id = self.principal.tenant
        page = list_page(
            request=self.request, queryset=selectors.knowledge_base_list(tenant_id=tenant_id), size=50
        )
        contents = base_contents(tenant_id=tenant_id, bases=page.rows)
        return {"list": page, "rows": [(base, contents[base.pk]) for base in page.rows]}


class BaseForm(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    department = forms.ChoiceField(
        label=gettext_lazy("Department"),
        help_text=gettext_lazy("Its members may read what is in the base, up to their clearance."),
    )
    secrecy = forms.ChoiceField(
        label=gettext_lazy("Secrecy"),
        help_text=gettext_lazy(
            "The lowest level of each document in it; a single document can be given a higher one."
        ),
    )

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        departments = department_list(tenant_id=principal.tenant).order_by("name")
        writable = [(d.slug, d.name) for d in departments if d.pk in principal.write_departments]
        self.fields["department"].choices = writable  # type: ignore[attr-defined]
        self.fields["secrecy"].choices = secrecy_choices(upto=principal.clearance)  # type: ignore[attr-defined]
        self.fields["secrecy"].initial = Secrecy.INTERNAL.slug


class BaseNew(KnowledgePage):
    title = gettext_lazy("New knowledge base")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(BaseForm(principal=self.principal))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = BaseForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self._form(form, status=422)
        try:
            base = knowledge_bases.knowledge_base_create(
                principal=self.principal,
                name=form.text("name"),
                department=form.text("department"),
                secrecy=Secrecy.from_slug(form.text("secrecy")),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status)
        messages.success(request, _("The knowledge base was created. Now upload its documents."))
        return back_to(reverse("console:base", args=[base.pk]))

    def _form(self, form: BaseForm, status: int = 200) -> HttpResponse:
        return self.page(
            form=form,
            submit=_("Create"),
            cancel=reverse("console:knowledge"),
            crumbs=self.crumbs(),
            status=status,
        )


class BaseChange(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    secrecy = forms.ChoiceField(
        label=gettext_lazy("Secrecy"),
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "A change reaches every document of the base with the next question. Documents that have a higher level of "
            "their own keep it; documents without one take the new level, also when it is lower."
        ),
    )

    def __init__(self, *args: Any, principal: Principal, base: KnowledgeBase, **kwargs: Any) -> None:
        initial = {"name": base.name, "secrecy": Secrecy(base.secrecy).slug}
        super().__init__(*args, initial=initial, **kwargs)
        cleared = principal.clearances.get(base.department_id, Secrecy.PUBLIC)
        self.fields["secrecy"].choices = secrecy_choices(upto=cleared)  # type: ignore[attr-defined]


class BaseSettings(KnowledgePage):
    template = "console/knowledge/base_settings.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        base = self.base(kwargs["base_id"])
        return self.shown(base, BaseChange(principal=self.principal, base=base))

    def post(self, request: HttpRequest, base_id: UUID) -> HttpResponse:
        base = self.base(base_id)
        form = BaseChange(request.POST, principal=self.principal, base=base)
        if not form.is_valid():
            return self.shown(base, form, status=422)
        try:
            knowledge_bases.knowledge_base_update(
                principal=self.principal,
                base=base,
                name=form.text("name"),
                secrecy=Secrecy.from_slug(form.text("secrecy")),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(self.base(base_id), form, status=problem.status)
        messages.success(request, _("The knowledge base was changed."))
        return back_to(reverse("console:base-settings", args=[base_id]))

    def shown(
        self, base: KnowledgeBase, form: BaseChange, *, status: int = 200, problem: Problem | None = None
    ) -> HttpResponse:
        contents = base_contents(tenant_id=self.principal.tenant, bases=[base])
        return self.page(
            BaseSettings.template,
            title=base.name,
            base=base,
            content=contents[base.pk],
            form=form,
            problem=problem,
            tab="settings",
            may_write=base.department_id in self.principal.write_departments,
            crumbs=self.crumbs(),
            status=status,
        )


class BaseDelete(BaseSettings):
    """Asks for the base's name: what goes with it cannot be had back."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, base_id: UUID) -> HttpResponse:
        base = self.base(base_id)
        try:
            if request.POST.get("confirmation", "").strip() != base.name:
                raise InvalidInput(
                    code="not_confirmed",
                    field="confirmation",
                    detail=_("What you typed is not the name of the knowledge base. Nothing was deleted."),
                    remedy=_("Type the name exactly as it is shown."),
                )
            knowledge_bases.knowledge_base_delete(principal=self.principal, base=base)
        except Problem as problem:
            form = BaseChange(principal=self.principal, base=base)
            return self.shown(base, form, status=problem.status, problem=problem)
        messages.success(
            request, _("The knowledge base “%(name)s” was deleted with its documents.") % {"name": base.name}
        )
        return back_to(reverse("console:knowledge"))


class BaseReindex(BaseSettings):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, base_id: UUID) -> HttpResponse:
        base = self.base(base_id)
        try:
            added = reindexing.knowledge_base_reindex(principal=self.principal, base=base)
        except Problem as problem:
            form = BaseChange(principal=self.principal, base=base)
            return self.shown(base, form, status=problem.status, problem=problem)
        done = ngettext(
            "%(count)s document is being indexed anew.", "%(count)s documents are being indexed anew.", added
        )
        messages.success(request, done % {"count": added})
        return back_to(f"{reverse('console:jobs')}?base={base_id}")
