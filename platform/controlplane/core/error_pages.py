"""Django's own errors, which it would answer in HTML, as problem documents."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlplane.core.problem_responses import http_response_of
from controlplane.core.problems import BadRequest, Forbidden, NotFound, Problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return http_response_of(
        BadRequest(code="bad_request", detail=_("The request breaks a rule of HTTP or a limit."))
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return http_response_of(
        Forbidden(
            code="forbidden",
            detail=_("You may not do this."),
            remedy=_("Ask an administrator for the right to do this, or sign in as somebody who has it."),
        )
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return http_response_of(NotFound(code="not_found", detail=_("There is nothing at this address.")))


def server_error(request: HttpRequest) -> HttpResponse:
    return http_response_of(
        Problem(
            code="internal_error",
            detail=_("This is a fault of the platform; it has been logged."),
            remedy=_("Try again; if it stays, tell the operator the time of the request."),
        )
    )
