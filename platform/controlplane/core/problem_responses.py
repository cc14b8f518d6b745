"""Turns every exception of an API view into one shape: a problem document."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from controlplane.core.problems import Forbidden, InvalidInput, NotFound, Problem, Unavailable

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"


def response_of(problem: Problem) -> Response:
    return Response(
        problem.document(), status=problem.status, headers=problem.headers(), content_type=CONTENT_TYPE
    )


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. Anything it doesn't know returns None: Django's own 500, logged with its trace."""
    set_rollback()
    if isinstance(exc, Problem):
        return response_of(exc)
    if isinstance(exc, Http404):
        return response_of(NotFound(code="not_found", detail=_("There is nothing at this address.")))
    if isinstance(exc, PermissionDenied):
        return response_of(Forbidden(code="forbidden", detail=_("You may not do this.")))
    if isinstance(exc, OperationalError):
        log.exception("database not available")
        return response_of(
            Unavailable(code="database_unavailable", detail=_("The database does not answer."), retry_after=5)
        )
    if isinstance(exc, exceptions.ValidationError):
        return response_of(_invalid(exc))
    if isinstance(exc, exceptions.APIException):
        return _framework(exc)
    return None


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
    body = {
        "type": f"urn:karez:problem:{code}",
        "title": str(exc.default_detail),
        "status": exc.status_code,
        "code": code,
        "detail": str(exc.detail),
    }
    challenge = getattr(exc, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Response(body, status=exc.status_code, headers=headers, content_type=CONTENT_TYPE)
