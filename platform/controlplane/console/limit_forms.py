"""Forms of limits of use."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.console.choices import Choices
from controlplane.console.forms import ConsoleForm
from controlplane.metering.limits import MOST_LIMIT, MOST_WEIGHT, USUAL_WEIGHT, LimitValues

_ALLOWED, _REFUSED = "yes", "no"
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

    def limits(self) -> LimitValues:
        return LimitValues(**self.values(*NUMBERS), batch_allowed=self.text("batch_allowed") == _ALLOWED)


class DepartmentLimitsForm(LimitsForm):
    department = forms.ChoiceField(label=_("Department"))
    field_order = ["department"]

    def __init__(self, *args: Any, departments: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["department"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker: the class says so)
        field.choices = departments


def initial_of(*, limits: LimitValues) -> dict[str, Any]:
    numbers = {name: getattr(limits, name) for name in NUMBERS}
    return numbers | {"batch_allowed": _ALLOWED if limits.batch_allowed else _REFUSED}
