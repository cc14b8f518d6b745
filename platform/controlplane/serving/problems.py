"""What callers are told of models that are not there, and of engines that do not answer."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import NotFound, Unavailable

# When to come again, where nothing else says.
RETRY_SECONDS = 5.0


def model_not_found(*, name: str, known: Sequence[str]) -> NotFound:
    return NotFound(
        code="model_not_found",
        field="model",
        detail=_("There is no model “%(name)s”. There are: %(known)s.")
        % {"name": name, "known": ", ".join(known) or "-"},
        remedy=_("Choose one of the models that /v1/models lists."),
    )


def engine_unavailable(*, retry_after: float | None = None, kept: bool = False) -> Unavailable:
    """``kept`` where the caller's question is stored."""
    return Unavailable(
        code="engine_unavailable",
        detail=_("The model's engine does not answer. Your question has been kept.")
        if kept
        else _("The model's engine does not answer."),
        remedy=_("Try again in a moment; ask the operator to check the engine."),
        retry_after=retry_after or RETRY_SECONDS,
    )
