"""People: the list, one person, and what an administrator decides about them."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.choices import administered_choices, role_choices
from controlplane.console.needs import Need
from controlplane.console.once import done_once
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.console.views.people_forms import (
    JoinForm,
    MembershipForm,
    NameForm,
    PasswordForm,
    PersonForm,
)
from controlplane.core.problems import Problem, not_found
from controlplane.identity.accounts import (
    account_deactivate,
    account_obstacle,
    account_password_reset,
    account_reactivate,
    account_rename,
)
from controlplane.identity.directory import person_get, person_list
from controlplane.identity.models import User
from controlplane.identity.passwords import password_generate
from controlplane.identity.people import (
    NewMember,
    member_add,
    member_add_from_platform,
    member_change,
    member_remove,
)
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Membership
from controlplane.tenants.selectors import department_get


class PeoplePage(ConsolePage):
    need = Need.ADMIN
    section = "people"
    title = gettext_lazy("People")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("People"), reverse("console:people"))]


class People(PeoplePage):
    template = "console/people/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        asked = {name: self.request.GET.get(name, "") for name in ("q", "department", "role", "state")}
        departments = administered_choices(principal=self.principal)
        chosen = {id_ for id_, _name in departments} & {asked["department"]}
        people = person_list(
            principal=self.principal,
            q=asked["q"],
            department=UUID(chosen.pop()) if chosen else None,
            role=asked["role"],
            state="inactive" if asked["state"] == "inactive" else "",
        )
        return {
            "page": list_page(request=self.request, queryset=people),
            "asked": asked,
            "is_filtered": any(asked.values()),
            "departments": departments,
            "roles": role_choices(),
            "subtitle": _("Who may sign in, in which departments, with which role and clearance."),
        }


class PersonAdd(PeoplePage):
    title = gettext_lazy("Add a person")
    template = "console/people/add.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page(form=PersonForm(principal=self.principal), crumbs=self.trail)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PersonForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self.page(form=form, crumbs=self.trail, status=422)
        password = (form.text("password") or password_generate()) if form.is_new else ""
        member = form.member(
            email=form.text("email"), name=form.text("name") if form.is_new else "", password=password
        )
        try:
            membership = done_once(
                principal=self.principal,
                mark=form.text("once"),
                request=request,
                work=lambda: add_member(self.principal, form.text("department"), member),
            )
        except Problem as problem:
            form.add_problem(problem)
            if problem.code == "person_exists":
                form.add_error("account", _("If it is the same person, choose the existing account."))
            return self.page(form=form, crumbs=self.trail, status=problem.status)
        if membership is None:
            messages.info(request, _("The form was sent twice: the person was added once."))
            return back_to(reverse("console:people"))
        address = reverse("console:person", args=[membership.user_id])
        if form.is_new and not form.text("password"):
            return _shown_once(
                self,
                membership.user,
                password,
                title=_("The person was added"),
                another=reverse("console:person-add"),
            )
        messages.success(request, _("The person was added."))
        return back_to(address)


class Person(PeoplePage):
    template: ClassVar[str] = "console/people/person.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.shown(kwargs["user_id"])

    def shown(
        self,
        user_id: UUID,
        *,
        join: JoinForm | None = None,
        password: PasswordForm | None = None,
        rename: NameForm | None = None,
        rights: MembershipForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """The page, with the form that was refused in its place."""
        person = person_get(principal=self.principal, user_id=user_id)
        memberships: list[Membership] = person.shown_memberships  # type: ignore[attr-defined]
        return self.page(
            status=status,
            title=person.name or person.email,
            subtitle=person.email if person.name else "",
            crumbs=self.trail,
            person=person,
            rows=[
                rights
                if rights and rights.membership.pk == m.pk
                else MembershipForm(principal=self.principal, membership=m)
                for m in memberships
            ],
            join=join or JoinForm(principal=self.principal),
            password=password or PasswordForm(auto_id="id_password_%s"),
            obstacle=account_obstacle(principal=self.principal, user=person),
            rename=rename or NameForm(auto_id="id_rename_%s", initial={"name": person.name}),
            refused="password" if password else "rename" if rename else "",
            is_self=person.pk == self.principal.user_id,
        )


class PersonJoin(Person):
    """POST: another department."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        form = JoinForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self.shown(user_id, join=form, status=422)
        person = person_get(principal=self.principal, user_id=user_id)
        try:
            add_member(self.principal, form.text("department"), form.member(email=person.email))
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(user_id, join=form, status=problem.status)
        messages.success(request, _("The membership was added."))
        return back_to(reverse("console:person", args=[user_id]))


class PersonMembership(Person):
    """POST `do`: `save` or `remove`."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, user_id: UUID, membership_id: UUID) -> HttpResponse:
        person = person_get(principal=self.principal, user_id=user_id)
        membership = _membership_of(person, membership_id)
        if request.POST.get("do") == "remove":
            member_remove(principal=self.principal, membership_id=membership_id)
            messages.success(request, _("The membership was removed."))
            last = len(person.shown_memberships) == 1  # type: ignore[attr-defined]
            return back_to(reverse("console:people") if last else reverse("console:person", args=[user_id]))
        form = MembershipForm(request.POST, principal=self.principal, membership=membership)
        if not form.is_valid():
            return self.shown(user_id, rights=form, status=422)
        try:
            member_change(
                principal=self.principal,
                membership_id=membership_id,
                role=form.role_given,
                clearance=form.clearance_given,
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(user_id, rights=form, status=problem.status)
        messages.success(request, _("The membership was changed."))
        return back_to(reverse("console:person", args=[user_id]))


class PersonAccount(Person):
    """POST `do`: `deactivate` or `reactivate`."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        if request.POST.get("do") == "deactivate":
            account_deactivate(principal=self.principal, user_id=user_id)
            messages.success(request, _("The account was deactivated. Its sessions and API keys have ended."))
        else:
            account_reactivate(principal=self.principal, user_id=user_id)
            messages.success(request, _("The account is active again."))
        return back_to(reverse("console:person", args=[user_id]))


class PersonRename(Person):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        form = NameForm(request.POST, auto_id="id_rename_%s")
        if not form.is_valid():
            return self.shown(user_id, rename=form, status=422)
        try:
            account_rename(principal=self.principal, user_id=user_id, name=form.text("name"))
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(user_id, rename=form, status=problem.status)
        messages.success(request, _("The name was changed."))
        return back_to(reverse("console:person", args=[user_id]))


class PersonPassword(Person):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        form = PasswordForm(request.POST, auto_id="id_password_%s")
        if not form.is_valid():
            return self.shown(user_id, password=form, status=422)
        try:
            new = done_once(
                principal=self.principal,
                mark=form.text("once"),
                request=request,
                work=lambda: account_password_reset(
                    principal=self.principal, user_id=user_id, password=form.text("password")
                ),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.shown(user_id, password=form, status=problem.status)
        if new is None:
            messages.info(
                request, _("The form was sent twice: the password was set once, and is not shown again.")
            )
        elif not form.text("password"):
            return _shown_once(self, new.user, new.password, title=_("The password was reset"))
        else:
            messages.success(request, _("The password was reset. The person’s sessions have ended."))
        return back_to(reverse("console:person", args=[user_id]))


def add_member(principal: Principal, department: str, member: NewMember) -> Membership:
    """As `POST /members` does."""
    if principal.is_platform_admin:
        return member_add_from_platform(
            principal=principal, tenant_id=principal.tenant, department=department, member=member
        )
    found = department_get(tenant_id=principal.tenant, key=department)
    return member_add(principal=principal, department=found, member=member)


def _shown_once(
    page: PeoplePage, user: User, password: str, *, title: str, another: str = ""
) -> HttpResponse:
    return page.page(
        "console/people/password.html",
        title=title,
        crumbs=page.trail,
        person=user,
        password=password,
        address=reverse("console:person", args=[user.pk]),
        another=another,
    )


def _membership_of(person: User, membership_id: UUID) -> Membership:
    for membership in person.shown_memberships:  # type: ignore[attr-defined]
        if membership.pk == membership_id:
            return membership  # type: ignore[no-any-return]
    raise not_found(kind=_("membership"), id=membership_id)
