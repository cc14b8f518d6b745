"""One's own account: the name that others see, and the way to the password."""

from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.views.people_forms import NameForm
from controlplane.core.problems import Problem
from controlplane.identity.accounts import account_rename
from controlplane.identity.models import User


class Account(ConsolePage):
    need = Need.SIGNED_IN
    personal = True
    title = gettext_lazy("My account")
    template: ClassVar[str] = "console/account.html"

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return self._form(NameForm(initial={"name": self._user.name}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NameForm(request.POST)
        if not form.is_valid():
            return self._form(form, status=422)
        try:
            account_rename(principal=self.principal, user_id=self._user.pk, name=form.text("name"))
        except Problem as problem:
            form.add_problem(problem)
            return self._form(form, status=problem.status)
        messages.success(request, _("Your name was changed."))
        return back_to(reverse("console:account"))

    @property
    def _user(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101  (the base has made sure of it)
        return self.request.user

    def _form(self, form: NameForm, status: int = 200) -> HttpResponse:
        form.fields["name"].widget.attrs["autocomplete"] = "name"
        return self.page(form=form, person=self._user, status=status)
