"""Forms of limits of use."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.console.choices import Choices
from controlplane.console.forms import ConsoleForm
from controlplane.metering.limits import MOST_LIMIT, MOST_WEIGHT, USUAL_WEIGHT, LimitValues

_ALLOWED, _REFUSED, _USUAL = "yes", "no", ""
NUMBERS: Sequence[str] = ("requests_per_minute", "tokens_per_minute", "concurrency", "weight")

_Limit = partial(forms.IntegerField, min_value=1, max_value=MOST_LIMIT, required=False)


class LimitsForm(ConsoleForm):
    """An empty field is no limit."""

    requests_per_minute = _Limit(label=_("Requests a minute"), help_text=_("Empty: as many as come."))
    tokens_per_minute = _Limit(
        label=_("Tokens a minute"), help_text=_("Of prompts and answers. Empty: as many as come.")
    )
    concurrency = _Limit(
        label=_("Requests at once"), help_text=_("Answered or waiting. Empty: as many as come.")
    )
    weight = forms.IntegerField(
        label=_("Weight"),
        min_value=1,
        max_value=MOST_WEIGHT,
        initial=USUAL_WEIGHT,
        help_text=_(
            "From 1 to 100, usually 10: with twice the weight it gets twice as much of an engine that is full."
        ),
    )
    batch_allowed = forms.ChoiceField(
        label=_("Requests that can wait"),
        choices=((_ALLOWED, _("allowed")), (_REFUSED, _("not allowed"))),
        initial=_ALLOWED,
        help_text=_("With “service_tier” flex or batch: they let all others go first."),
    )
    overflow_allowed = forms.ChoiceField(
        label=_("Stand-ins"),
        choices=((_USUAL, _("not allowed")), (_ALLOWED, _("allowed"))),
        required=False,
        help_text=_("Whether another model may answer while the one that was asked is full or away."),
    )

    def limits(self) -> LimitValues:
        return LimitValues(
            **self.values(*NUMBERS),
            batch_allowed=self.text("batch_allowed") == _ALLOWED,
            overflow_allowed={_ALLOWED: True, _REFUSED: False}.get(self.text("overflow_allowed")),
        )

    def _choose(self, name: str, choices: Choices) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker: the class says so)
        field.choices = choices


class DepartmentLimitsForm(LimitsForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choose(
            "overflow_allowed",
            [(_USUAL, _("as the organisation")), (_ALLOWED, _("allowed")), (_REFUSED, _("not allowed"))],
        )


class NewDepartmentLimitsForm(DepartmentLimitsForm):
    department = forms.ChoiceField(label=_("Department"))
    field_order = ["department"]

    def __init__(self, *args: Any, departments: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choose("department", departments)


def initial_of(*, limits: LimitValues) -> dict[str, Any]:
    numbers = {name: getattr(limits, name) for name in NUMBERS}
    overflow = {None: _USUAL, True: _ALLOWED, False: _REFUSED}[limits.overflow_allowed]
    batch = _ALLOWED if limits.batch_allowed else _REFUSED
    return numbers | {"batch_allowed": batch, "overflow_allowed": overflow}
