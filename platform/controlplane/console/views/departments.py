"""Departments: the tree, and one of them with its place, its name and how it presents itself."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.assistants.departments import DepartmentCounts, department_counts
from controlplane.console.addresses import logo_address
from controlplane.console.choices import Choices, administered_choices, department_choices
from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.core.problems import Problem
from controlplane.core.secrecy import Secrecy
from controlplane.identity.departments import (
    department_change_by,
    department_create_by,
    department_logo_remove_by,
    department_logo_set_by,
)
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import visible_department
from controlplane.metering.departments import department_dissolve, department_obstacles
from controlplane.tenants.brands import DEFAULT_COLOR, brands
from controlplane.tenants.logos import MOST_BYTES
from controlplane.tenants.models import Department as DepartmentRow
from controlplane.tenants.selectors import department_get, department_outline, department_tree


class DepartmentPage(ConsolePage):
    need = Need.ADMIN
    section = "departments"
    title = gettext_lazy("Departments")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("Departments"), reverse("console:departments"))]


class Departments(DepartmentPage):
    template = "console/departments/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        counts = department_counts(tenant_id=self.principal.tenant)
        outline = [
            row
            for row in department_outline(tenant_id=self.principal.tenant)
            if row.department.pk in self.principal.admin_departments
        ]
        edge = min((row.depth for row in outline), default=0)
        return {
            "rows": [
                (row.department, min(row.depth - edge, 8), counts.get(row.department.pk, DepartmentCounts()))
                for row in outline
            ],
            "subtitle": _("Rights given in a department hold in everything beneath it."),
        }


class NewForm(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name of the department"), max_length=200)
    slug = forms.SlugField(
        label=gettext_lazy("Short name"),
        max_length=63,
        help_text=gettext_lazy("Small letters, digits and hyphens; it does not change any more."),
    )
    parent = forms.ChoiceField(label=gettext_lazy("Beneath"))

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "parent", administered_choices(principal=principal))


class DepartmentAdd(DepartmentPage):
    title = gettext_lazy("Make a department")
    template = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        initial = {"parent": request.GET.get("parent", "")}
        return self._form(NewForm(principal=self.principal, initial=initial))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self._form(form, status=422)
        principal = self.principal
        try:
            parent = department_get(tenant_id=principal.tenant, key=form.text("parent"))
            department = department_create_by(
                principal=principal, parent=parent, **form.values("name", "slug")
            )
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status)
        messages.success(request, _("The department was made."))
        return back_to(reverse("console:department", args=[department.slug]))

    def _form(self, form: NewForm, status: int = 200) -> HttpResponse:
        return self.page(
            form=form,
            crumbs=self.trail,
            submit=_("Make the department"),
            cancel=reverse("console:departments"),
            status=status,
        )


class PlaceForm(ConsoleForm):
    """`parent` is there where the principal may move the department."""

    name = forms.CharField(label=gettext_lazy("Name of the department"), max_length=200)
    parent = forms.ChoiceField(
        label=gettext_lazy("Beneath"),
        help_text=gettext_lazy(
            "Who has rights above gains them here; who had them through the old place loses them."
        ),
    )

    def __init__(self, *args: Any, parents: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if parents:
            _choose(self, "parent", parents)
        else:
            del self.fields["parent"]


class BrandForm(ConsoleForm):
    brand_name = forms.CharField(
        label=gettext_lazy("Name in the chat"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Empty: that of the department above."),
    )
    brand_color = forms.CharField(
        label=gettext_lazy("Colour"),
        max_length=7,
        required=False,
        help_text=gettext_lazy(
            "As #rrggbb, dark enough for white text. Empty: that of the department above."
        ),
        validators=[RegexValidator("^#[0-9a-fA-F]{6}$", gettext_lazy("Give the colour as #rrggbb."))],
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        help_text=gettext_lazy("PNG, JPEG or WebP, up to 200 kB."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    names = {"file": "logo"}


class Department(DepartmentPage):
    template: ClassVar[str] = "console/departments/department.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.shown(self.administered(kwargs["slug"]))

    def administered(self, slug: str) -> DepartmentRow:
        department = visible_department(principal=self.principal, key=slug)
        self.principal.require_admin(department.pk)
        return department

    def shown(
        self,
        department: DepartmentRow,
        *,
        place: PlaceForm | None = None,
        brand: BrandForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """The page, with the form that was refused in its place."""
        all_brands = brands(tenant_id=self.principal.tenant)
        worn = all_brands.of(department.pk)
        above = department.parent_id
        color_above = all_brands.of(above).color if above else DEFAULT_COLOR
        initial = {"name": department.name, "parent": str(department.parent_id or "")}
        own = {"brand_name": department.brand_name, "brand_color": department.brand_color}
        looks = brand or BrandForm(initial=own, auto_id="id_brand_%s")
        looks.fields["brand_color"].widget.attrs["placeholder"] = color_above
        return self.page(
            status=status,
            title=department.name,
            subtitle=department.slug,
            crumbs=self.trail,
            department=department,
            obstacles=department_obstacles(department=department),
            place=place or PlaceForm(parents=self.parents(department), initial=initial),
            brand=looks,
            worn=worn,
            color_above=color_above,
            logo_address=logo_address(slug=department.slug, version=worn.logo) if worn.logo else "",
        )

    def parents(self, department: DepartmentRow) -> Choices:
        """Where it may go: nowhere for the root, and for who lacks the rights or the clearance."""
        principal = self.principal
        if (
            department.parent_id not in principal.admin_departments
            or principal.clearances.get(department.pk, Secrecy.PUBLIC) < Secrecy.SECRET
        ):
            return []
        beneath = department_tree(tenant_id=principal.tenant).subtree([department.pk])
        return department_choices(
            outline=department_outline(tenant_id=principal.tenant),
            among=principal.admin_departments - beneath,
        )


class DepartmentPlace(Department):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        department = self.administered(slug)
        form = PlaceForm(request.POST, parents=self.parents(department))
        if not form.is_valid():
            return self.shown(department, place=form, status=422)
        parent = form.text("parent")
        moved = parent and parent != str(department.parent_id)
        try:
            department_change_by(
                principal=self.principal,
                department=department,
                parent=department_get(tenant_id=self.principal.tenant, key=parent) if moved else None,
                name=form.text("name"),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(department, place=form, status=problem.status)
        messages.success(request, _("The department was changed."))
        return back_to(reverse("console:department", args=[slug]))


class DepartmentBrand(Department):
    """POST: name and colour, and a logo where one is chosen; `do=remove-logo` removes the own one."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        department, principal = self.administered(slug), self.principal
        address = reverse("console:department", args=[slug])
        if request.POST.get("do") == "remove-logo":
            department_logo_remove_by(principal=principal, department=department)
            messages.success(request, _("The logo was removed."))
            return back_to(address)
        form = BrandForm(request.POST, request.FILES, auto_id="id_brand_%s")
        if not form.is_valid():
            return self.shown(department, brand=form, status=422)
        logo = form.cleaned_data["logo"]
        try:
            with transaction.atomic():  # both, or neither
                if logo:
                    department_logo_set_by(
                        principal=principal, department=department, content=logo.read(MOST_BYTES + 1)
                    )
                department_change_by(
                    principal=principal,
                    department=department,
                    brand_name=form.text("brand_name"),
                    brand_color=form.text("brand_color").lower(),
                )
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(
                department_get(tenant_id=principal.tenant, key=slug), brand=form, status=problem.status
            )
        messages.success(request, _("The appearance was changed."))
        return back_to(address)


class DepartmentDelete(Department):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        department = self.administered(slug)
        department_dissolve(principal=self.principal, department=department)
        messages.success(request, _("The department “%(name)s” was deleted.") % {"name": department.name})
        return back_to(reverse("console:departments"))


def _choose(form: ConsoleForm, name: str, choices: Choices) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker: the class says so)
    field.choices = choices
