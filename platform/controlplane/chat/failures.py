"""How an answer fails, in words for the asker."""

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput, Problem, Unavailable
from controlplane.serving.problems import engine_unavailable
from inference.errors import ContextTooLong, EngineRejected
from rag.answering import QuestionTooLongError


def too_long(error: QuestionTooLongError) -> InvalidInput:
    return InvalidInput(
        code="context_length_exceeded",
        field="messages",
        detail=_("The question has about %(tokens)s tokens; the model has room for %(limit)s.")
        % {"tokens": error.tokens, "limit": error.limit},
        remedy=_("Shorten the question."),
    )


def rejected(error: EngineRejected) -> InvalidInput:
    detail = _("The engine refused the request: %(detail)s") % {"detail": error.detail}
    if isinstance(error, ContextTooLong):
        return InvalidInput(
            code="context_length_exceeded", field="messages", detail=detail, remedy=_("Shorten the question.")
        )
    return InvalidInput(code="engine_rejected", detail=detail)


def database_unavailable() -> Unavailable:
    return Unavailable(code="database_unavailable", detail=_("The database does not answer."), retry_after=5)


def of_trial(problem: Problem) -> Problem:
    """Of a question that was not kept nothing says that it was."""
    if problem.code == "engine_unavailable":
        return engine_unavailable(retry_after=problem.retry_after)
    return problem
