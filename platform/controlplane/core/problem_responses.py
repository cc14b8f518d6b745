"""Turns every exception of an API view into one shape: a problem document."""

import json
import logging
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg import errors
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from controlplane.core.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    TooLarge,
    Unavailable,
)

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"

# What two requests at once can lead to, and one alone cannot: services check beforehand.
_RACES = (errors.UniqueViolation, errors.ForeignKeyViolation, errors.RestrictViolation)


# What the framework's own errors leave to the reader.
_REMEDIES = {
    400: gettext_lazy("Send valid JSON, and identifiers in the form in which they were given."),
    401: gettext_lazy("Sign in, or send a valid key as “Authorization: Bearer kz_…”."),
    403: gettext_lazy("Ask an administrator for the right to do this, or sign in as somebody who has it."),
    405: gettext_lazy("Use a method that the header Allow names."),
    406: gettext_lazy("Accept application/json."),
    415: gettext_lazy("Send the body in a form that the description of the API names for this address."),
    429: gettext_lazy("Wait as long as the header Retry-After says."),
}

# Two requests that waited for each other, or one that waited too long: the database itself is well.
_CROSSED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


def response_of(problem: Problem) -> Response:
    return Response(
        problem.document(), status=problem.status, headers=problem.headers(), content_type=CONTENT_TYPE
    )


def http_response_of(problem: Problem) -> HttpResponse:
    """For where the REST framework is not reached."""
    return HttpResponse(
        json.dumps(problem.document(), ensure_ascii=False, default=str),
        status=problem.status,
        headers=problem.headers(),
        content_type=CONTENT_TYPE,
    )


def problem_of_database(exc: Exception) -> Problem | None:
    """What the caller is told of an error of the database; None for one that is a fault of ours."""
    if isinstance(exc, OperationalError) and isinstance(exc.__cause__, _CROSSED):
        log.warning("waited for a lock in vain", exc_info=exc)
        return Conflict(
            code="conflict",
            detail=_("Another request is changing the same thing."),
            remedy=_("Send it again in a little while."),
            retry_after=1,
        )
    if isinstance(exc, (OperationalError, InterfaceError)):
        log.error("database not available", exc_info=exc)
        return Unavailable(
            code="database_unavailable", detail=_("The database does not answer."), retry_after=5
        )
    # UnicodeEncodeError: half of a surrogate pair, which JSON can hold and the database's text cannot.
    if isinstance(exc, (DataError, UnicodeEncodeError)):
        log.warning("a value that the database does not take", exc_info=exc)
        return InvalidInput(
            code="invalid_value",
            detail=_("The request holds a value that cannot be stored or searched for."),
            remedy=_("Remove control characters, and check lengths and numbers."),
        )
    if isinstance(exc, IntegrityError) and isinstance(exc.__cause__, _RACES):
        log.warning("a write that conflicts", exc_info=exc)
        return Conflict(
            code="conflict",
            detail=_("Another request changed the same thing."),
            remedy=_("Read it again, and repeat what is still needed."),
        )
    return None


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. Anything it doesn't know returns None: Django's own 500, logged with its trace."""
    set_rollback()
    if isinstance(exc, Problem):
        return response_of(exc)
    if isinstance(exc, Http404):
        return response_of(NotFound(code="not_found", detail=_("There is nothing at this address.")))
    if isinstance(exc, PermissionDenied):
        return response_of(
            Forbidden(code="forbidden", detail=_("You may not do this."), remedy=_REMEDIES[403])
        )
    if isinstance(exc, RequestDataTooBig):
        return response_of(TooLarge(code="body_too_large", detail=_("The request's body is too large.")))
    if isinstance(exc, RecursionError):  # JSON within JSON within JSON
        return response_of(BadRequest(code="nested_too_deeply", detail=_("The body is nested too deeply.")))
    if isinstance(exc, exceptions.ValidationError):
        return response_of(_invalid(exc))
    if isinstance(exc, exceptions.APIException):
        return _framework(exc)
    problem = problem_of_database(exc)
    return response_of(problem) if problem else None


def _first_error(detail: Any, path: str = "") -> tuple[str, str]:
    """The path of the first field with an error, and the message."""
    if isinstance(detail, dict):
        key, value = next(iter(detail.items()))
        return _first_error(value, path if key == "non_field_errors" else f"{path}.{key}".strip("."))
    if isinstance(detail, list):
        return _first_error(detail[0], path)
    return path, str(detail)


def _invalid(exc: exceptions.ValidationError) -> Problem:
    field, message = _first_error(exc.detail)
    return InvalidInput(code="invalid_field", field=field, detail=message, errors=exc.detail)


def _framework(exc: exceptions.APIException) -> Response:
    code = exc.get_codes()
    title, detail = str(exc.default_detail), str(exc.detail)
    body = {
        "type": f"urn:karez:problem:{code}",
        "title": detail if "{" in title else title,  # some titles of the framework are templates
        "status": exc.status_code,
        "code": code,
        "detail": detail,
    }
    if remedy := _REMEDIES.get(exc.status_code):
        body["remedy"] = str(remedy)
    challenge = getattr(exc, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(max(1, ceil(wait)))
    return Response(body, status=exc.status_code, headers=headers, content_type=CONTENT_TYPE)
