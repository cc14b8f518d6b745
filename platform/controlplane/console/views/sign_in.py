"""The way in and out, the language, and one's own password."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from controlplane.console.addresses import home_of
from controlplane.console.forms import ConsoleForm
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.core.problems import Problem
from controlplane.identity.models import User
from controlplane.identity.setup import is_set_up
from controlplane.identity.sign_in import password_change, session_end, session_start
from controlplane.identity.throttles import password_throttle, sign_in_throttle


class SignInForm(ConsoleForm):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignIn(View):
    """`?next=` leads on afterwards, to a page of this platform only."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            return redirect(_next(request) or reverse("console:overview"))
        if not is_set_up():
            return redirect("console:setup")
        return self._page(request, SignInForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        email = form.text("email")
        try:
            sign_in_throttle(request=request, email=email)
            principal = session_start(request=request, email=email, password=form.cleaned_data["password"])
        except Problem as problem:
            form.add_problem(problem)
            return self._page(request, form, status=problem.status)
        return redirect(_next(request) or home_of(principal=principal))

    def _page(self, request: HttpRequest, form: SignInForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "next": _next(request), "title": _("Sign in")}
        return render(request, "console/sign_in.html", context, status=status)


class SignOut(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        session_end(request=request)
        return redirect("console:sign-in")


class PasswordForm(ConsoleForm):
    current = forms.CharField(
        label=gettext_lazy("Present password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=128,
        help_text=gettext_lazy("At least 10 characters, neither common nor like your name."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=gettext_lazy("New password, once more"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", _("The two do not match. Type the new password again."))
        return data


class Password(ConsolePage):
    """Without a transaction of its own, as `identity.sign_in` wants it."""

    need = Need.SIGNED_IN
    personal = True
    atomic = False
    title = gettext_lazy("Change password")
    template: ClassVar[str] = "console/form_page.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page(form=PasswordForm(), submit=_("Change password"))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST)
        if not form.is_valid():
            return self.page(form=form, submit=_("Change password"), status=422)
        try:
            password_throttle(principal=self.principal)
            password_change(request=request, principal=self.principal, **form.values("current", "new"))
        except Problem as problem:
            form.add_problem(problem)
            return self.page(form=form, submit=_("Change password"), status=problem.status)
        messages.success(request, _("The password was changed. Your other sessions have ended."))
        return back_to(reverse("console:account"))  # where it is said; the chat has no such place


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if safe else ""
