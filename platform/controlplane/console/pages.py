"""The base of every page: who asks, what they may see, and what they see when something goes wrong."""

from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views import View

from controlplane.console.addresses import chat_address, home_of
from controlplane.console.navigation import groups_for
from controlplane.console.needs import Need
from controlplane.core.problems import Forbidden, Problem
from controlplane.core.scope import enter_scope
from controlplane.identity.authentication import MembershipEnded, session_principal, session_renew
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import own_tenants

Text = str | Promise


class ConsolePage(View):
    """A page behind the sign-in. Runs in the request's transaction, with the sight of its principal.

    A `Problem` that leaves a handler becomes an error page (or, for HTMX, a toast); handlers of forms catch their own.
    """

    need: ClassVar[Need] = Need.TENANT_ADMIN
    section: ClassVar[str] = ""
    title: ClassVar[Text] = ""
    template: ClassVar[str] = ""
    # Whether it is about the person alone: open to those too whose organisation is suspended.
    personal: ClassVar[bool] = False
    # False for a page whose view is outside of the request's transaction; its services open scopes themselves.
    atomic: ClassVar[bool] = True

    principal: Principal

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User):
            return to_sign_in(request)
        try:
            self.principal = session_principal(request=request, user=user)
        except MembershipEnded as ended:
            return _elsewhere(request, ended)
        session_renew(request)
        if self.atomic:
            enter_scope(self.principal.scope())
        try:
            if self._is_suspended():
                return self._suspended()
            self._check_need()
            return super().dispatch(request, *args, **kwargs)
        except Problem as problem:
            return self.failed(problem)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.template:
            return self.http_method_not_allowed(request)
        return self.page(**self.context(**kwargs))

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The address of an action that is opened as a page, from the history or a copied address, leads to its section."""
        if request.method != "GET":
            return super().http_method_not_allowed(request, *args, **kwargs)
        return redirect(f"console:{self.section or 'overview'}")

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """What the template of a plain page needs."""
        return {}

    def page(self, template: str = "", *, status: int = 200, **context: Any) -> HttpResponse:
        """The page within the shell. `title` and `crumbs` (pairs of text and address) may be given with the context."""
        shell = {
            "principal": self.principal,
            "navigation": groups_for(principal=self.principal),
            "section": self.section,
            "title": self.title,
            "chat_address": chat_address(),
            "own_tenants": SimpleLazyObject(partial(own_tenants, user_id=self.principal.user_id)),
        }
        return render(self.request, template or self.template, shell | context, status=status)

    def failed(self, problem: Problem) -> HttpResponse:
        if self.request.headers.get("HX-Request"):
            return toast(problem)
        return self.page(
            "console/problem.html", status=problem.status, title=problem.title, problem=problem, crumbs=()
        )

    def _is_suspended(self) -> bool:
        """The platform's own pages stay open: who suspends the organisation they belong to themselves can resume it."""
        if self.principal.suspension is None or self.personal:
            return False
        return not (self.need is Need.PLATFORM_ADMIN and self.need.is_met_by(self.principal))

    def _suspended(self) -> HttpResponse:
        suspension = self.principal.suspension
        assert suspension is not None  # noqa: S101  (the caller has asked)
        if self.request.headers.get("HX-Request"):  # the page around it is gone too
            return HttpResponse(status=403, headers={"HX-Refresh": "true"})
        kind = "shell" if self.principal.is_platform_admin else "plain"
        title = _("Organisation suspended")
        return self.page(
            f"console/suspended/{kind}.html", status=403, title=title, suspension=suspension, crumbs=()
        )

    def _check_need(self) -> None:
        if not self.need.is_met_by(self.principal):
            raise Forbidden(
                code="forbidden",
                detail=_("This page is not for your role."),
                remedy=_("Ask an administrator of your organisation for the role that this page needs."),
            )


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Signing in leads back to where the reader was. HTMX is told by a header: it would put the page into this one."""
    address = f"{reverse('console:sign-in')}?{urlencode({'next': _wanted(request)})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def _elsewhere(request: HttpRequest, ended: MembershipEnded) -> HttpResponse:
    """What was asked for belongs to the organisation that they left: the home page of the other one, which says so."""
    if request.headers.get("HX-Request"):
        return toast(ended)
    messages.warning(request, ended.told())
    return back_to(home_of(principal=ended.principal))


def toast(problem: Problem) -> HttpResponse:
    """The problem for HTMX: `console.js` shows what stands in the body of an answer that is an error."""
    return HttpResponse(
        problem.told(),
        status=problem.status,
        headers=problem.headers(),
        content_type="text/plain; charset=utf-8",
    )


def back_to(address: str) -> HttpResponseRedirect:
    """After a form was done: the browser's reload and back button repeat nothing."""
    return HttpResponseRedirect(address)


def _wanted(request: HttpRequest) -> str:
    current = request.headers.get("HX-Current-URL", "")
    if current:
        return "/" + current.split("://", 1)[-1].partition("/")[2]
    if request.method == "GET":
        return request.get_full_path()
    # A form that was sent: back to the page it stood on, where the browser puts in again what was typed.
    referrer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referrer, allowed_hosts={request.get_host()}):
        return "/" + referrer.split("://", 1)[-1].partition("/")[2]
    return reverse("console:overview")
