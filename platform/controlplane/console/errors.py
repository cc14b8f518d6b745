"""Django's own errors: pages for the browser, problem documents for programs and for everything below /api/."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from controlplane.console.pages import toast
from controlplane.core import error_pages
from controlplane.core.problems import BadRequest, Forbidden, NotFound, Problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return error_pages.bad_request(request, exception)
    return _page(
        request, BadRequest(code="bad_request", detail=_("The request breaks a rule of HTTP or a limit."))
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return error_pages.permission_denied(request, exception)
    return _page(
        request,
        Forbidden(
            code="forbidden",
            detail=_("You may not do this."),
            remedy=_("Ask an administrator for the right to do this, or sign in as somebody who has it."),
        ),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A page that was left open while its sign-in ended, or a form that came from elsewhere."""
    problem = Forbidden(
        code="csrf_failed",
        detail=_("This form has expired, or was sent from another site."),
        remedy=_("Reload the page, and send it again."),
    )
    return _page(request, problem)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return error_pages.page_not_found(request, exception)
    return _page(
        request,
        NotFound(
            code="not_found",
            detail=_("There is nothing at this address."),
            remedy=_("Check the address, or begin at the overview."),
        ),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_api(request):
        return error_pages.server_error(request)
    return _page(
        request,
        Problem(
            code="internal_error",
            detail=_("This is a fault of the platform; it has been logged."),
            remedy=_("Try again; if it stays, tell the operator the time of the request."),
        ),
    )


def _is_api(request: HttpRequest) -> bool:
    """Programs, wherever they have got to: only a browser asks for HTML."""
    wanted = request.get_preferred_type(["application/problem+json", "text/html"])
    return request.path_info.startswith("/api/") or wanted != "text/html"


def _page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Without the shell: it would need the database, which may be what failed. For HTMX the words alone."""
    if request.headers.get("HX-Request"):
        return toast(problem)
    context = {"problem": problem, "title": problem.title}
    return render(request, "console/problem_plain.html", context, status=problem.status)
