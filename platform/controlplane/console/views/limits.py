"""Limits of use: what is set and what is used of it now, and the forms that set them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.choices import Choices, administered_choices
from controlplane.console.limit_bars import limit_bars
from controlplane.console.limit_forms import (
    DepartmentLimitsForm,
    LimitsForm,
    NewDepartmentLimitsForm,
    initial_of,
)
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.views.tenants import TenantPage
from controlplane.core.problems import Problem
from controlplane.identity.selectors import visible_department
from controlplane.metering.limit_selectors import department_limits, limits_shown, tenant_limits
from controlplane.metering.limit_use import limit_use
from controlplane.metering.limits import NOTHING_SET, department_limits_set, tenant_limits_set
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import tenant_get


class LimitsPage(ConsolePage):
    need = Need.TENANT_ADMIN
    section = "limits"
    title = gettext_lazy("Limits")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("Limits"), reverse("console:limits"))]

    def _form(self, form: LimitsForm, *, status: int = 200, **context: Any) -> HttpResponse:
        cancel = reverse("console:limits")
        return self.page(
            "console/form_page.html",
            form=form,
            crumbs=self.trail,
            submit=_("Save"),
            cancel=cancel,
            status=status,
            **context,
        )

    def _save(self, form: LimitsForm, department: Department, **context: Any) -> HttpResponse:
        try:
            department_limits_set(principal=self.principal, department=department, values=form.limits())
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status, **context)
        messages.success(self.request, _("The limits hold within a second."))
        return back_to(reverse("console:limits"))


class Limits(LimitsPage):
    template = "console/limits/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        tenant_id = self.principal.tenant
        shown = limits_shown(tenant_id=tenant_id)
        if shown.organisation == NOTHING_SET and not shown.departments:
            return {"is_empty": True}
        ids = frozenset(row.department.pk for row in shown.departments)
        use = limit_use(tenant_id=tenant_id, department_ids=ids)
        return {
            "tenant_id": tenant_id,
            "organisation": (shown.organisation, limit_bars(limits=shown.organisation, use=use.organisation)),
            "waiting": use.organisation.waiting,
            "departments": [
                (row.department, row.limits, limit_bars(limits=row.limits, use=use.of(row.department.pk)))
                for row in shown.departments
            ],
            "subtitle": _(
                "What the organisation and its departments may use of the engines, and what they use now."
            ),
        }


class LimitsAdd(LimitsPage):
    title = gettext_lazy("Limit a department")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._form(NewDepartmentLimitsForm(departments=self._departments()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewDepartmentLimitsForm(request.POST, departments=self._departments())
        if not form.is_valid():
            return self._form(form, status=422)
        return self._save(form, visible_department(principal=self.principal, key=form.text("department")))

    def _departments(self) -> Choices:
        """Those that have no limits yet."""
        shown = limits_shown(tenant_id=self.principal.tenant)
        limited = {str(row.department.pk) for row in shown.departments}
        return [
            choice for choice in administered_choices(principal=self.principal) if choice[0] not in limited
        ]


class LimitsChange(LimitsPage):
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        department = visible_department(principal=self.principal, key=kwargs["slug"])
        limits = department_limits(principal=self.principal, department=department)
        return self._form(
            DepartmentLimitsForm(initial=initial_of(limits=limits)), title=_titled(department.name)
        )

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        department = visible_department(principal=self.principal, key=slug)
        form, title = DepartmentLimitsForm(request.POST), _titled(department.name)
        if not form.is_valid():
            return self._form(form, status=422, title=title)
        return self._save(form, department, title=title)


class TenantLimits(TenantPage):
    """Of an organisation as a whole, for the platform's administrators."""

    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        tenant_id = kwargs["tenant_id"]
        return self._form(
            tenant_id, LimitsForm(initial=initial_of(limits=tenant_limits(tenant_id=tenant_id)))
        )

    def post(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        form = LimitsForm(request.POST)
        if not form.is_valid():
            return self._form(tenant_id, form, status=422)
        try:
            tenant_limits_set(principal=self.principal, tenant_id=tenant_id, values=form.limits())
        except Problem as problem:
            form.add_problem(problem)
            return self._form(tenant_id, form, status=problem.status)
        messages.success(request, _("The limits hold within a second."))
        return back_to(reverse("console:tenants"))

    def _form(self, tenant_id: UUID, form: LimitsForm, status: int = 200) -> HttpResponse:
        name = tenant_get(tenant_id=tenant_id).name
        cancel = reverse("console:tenants")
        return self.page(
            form=form, crumbs=self.trail, title=_titled(name), submit=_("Save"), cancel=cancel, status=status
        )


def _titled(name: str) -> str:
    return _("Limits of “%(name)s”") % {"name": name}
