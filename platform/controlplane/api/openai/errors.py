"""The platform's problems in the shape that clients of the OpenAI protocol read."""

import json
import logging
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext as _
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controlplane.chat.failures import rejected
from controlplane.core.problems import Forbidden, InvalidInput, NotFound, Problem, TooLarge, Unavailable
from inference.errors import EngineError, EngineRejected, EngineUnavailable

log = logging.getLogger(__name__)

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Unauthorised(Problem):
    """No key, or one that is unknown, revoked or expired."""

    status = 401


class BadRequest(Problem):
    """What could not be read at all."""

    status = 400


def status_of(problem: Problem) -> int:
    """As the problem says, but for a wrong field: OpenAI answers 400, and its clients expect that."""
    return 400 if isinstance(problem, InvalidInput) else problem.status


def error_object(problem: Problem) -> dict[str, Any]:
    """`{"error": …}` in the active language."""
    status = status_of(problem)
    default = "server_error" if status >= 500 else "invalid_request_error"
    message = " ".join(filter(None, [str(problem.detail), str(problem.remedy)]))
    return {
        "error": {
            "message": message,
            "type": _TYPES.get(status, default),
            "code": problem.code,
            "param": problem.field or None,
        }
    }


def error_headers(problem: Problem) -> dict[str, str]:
    """What belongs beside the status: when to come again, and how to present a key."""
    bearer = {"WWW-Authenticate": 'Bearer realm="karez"'} if isinstance(problem, Unauthorised) else {}
    return problem.headers() | bearer


def error_event(problem: Problem) -> bytes:
    """The last event of a stream that failed after it had begun."""
    return f"data: {json.dumps(error_object(problem), ensure_ascii=False)}\n\ndata: [DONE]\n\n".encode()


def engine_problem(error: EngineError) -> Problem:
    """What an engine's failure means to the caller."""
    if isinstance(error, EngineRejected):
        return rejected(error)
    return Unavailable(
        code="engine_unavailable",
        detail=_("The model's engine does not answer."),
        remedy=_("Try again in a moment."),
        retry_after=(error.retry_after if isinstance(error, EngineUnavailable) else None) or 5,
    )


def problem_of(error: Exception) -> Problem:
    """Any exception as something that may be shown; what is not expected is logged with its trace and told nothing of."""
    match error:
        case Problem():
            return error
        case EngineError():
            return engine_problem(error)
        case OperationalError():
            log.error("the database does not answer", exc_info=error)
            return Unavailable(
                code="database_unavailable", detail=_("The database does not answer."), retry_after=5
            )
        case _:
            log.error("unexpected error", exc_info=error)
            return Problem(code="internal_error", detail=_("Something went wrong here. It has been logged."))


async def error_response(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for everything."""
    problem = _framework_problem(error) if isinstance(error, HTTPException) else problem_of(error)
    headers = error_headers(problem)
    return JSONResponse(error_object(problem), status_code=status_of(problem), headers=headers)


class _MethodNotAllowed(Problem):
    status = 405


def method_not_allowed() -> Problem:
    return _MethodNotAllowed(code="method_not_allowed", detail=_("This address takes another method."))


def _framework_problem(error: HTTPException) -> Problem:
    if error.status_code == 405:
        return method_not_allowed()
    return NotFound(code="not_found", detail=_("There is nothing at this address."))


def scope_missing(scope: str) -> Forbidden:
    return Forbidden(
        code="scope_missing",
        detail=_("This needs the scope “%(scope)s”.") % {"scope": scope},
        remedy=_("Use a key, or a role, that has it."),
    )


def body_too_large(limit: int) -> TooLarge:
    return TooLarge(
        code="body_too_large",
        detail=_("The body of the request is larger than %(limit)s bytes.") % {"limit": limit},
    )
