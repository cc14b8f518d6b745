"""The questions of the capacity planner as a form, and its answer to the planner's request."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from controlplane.console.forms import ConsoleForm
from controlplane.serving.planning import plan_request
from inference.accelerators import accelerators
from inference.catalogue import models
from inference.planner import PlanRequest, price_books

_OWN = ("model", "precision", "accelerator", "cards_per_node", "nodes", "objective", "kv_cache")
_WORK = ("context_tokens", "concurrency", "requests_per_second", "prompt_tokens", "answer_tokens")
_MONEY = (
    "currency",
    "purchase_per_card",
    "lease_per_card_hour",
    "amortisation_months",
    "running_per_month",
    "power_price_kwh",
    "pue",
    "watts_per_card",
    "watts_per_node",
    "requests_per_month",
    "cache_hit_share",
    "off_peak_share",
    "api_model",
    "exchange_rate",
)
_PRECISIONS = ("fp8", "bf16", "int8", "int4", "nvfp4", "fp16", "fp32")


def _number(default: object) -> forms.NumberInput:
    """What is assumed shows where nothing is written."""
    return forms.NumberInput(attrs={} if default is None else {"placeholder": default})


def _whole(label: Any, initial: int | None = None, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, initial=initial, help_text=help_text, widget=_number(initial)
    )


def _money(label: Any, initial: str | None = None, help_text: Any = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        initial=initial,
        help_text=help_text,
        max_digits=16,
        decimal_places=6,
        widget=_number(initial),
    )


class PlanForm(ConsoleForm):
    """Blank fields are the planner's own choice; without a word about money there is no sheet of costs."""

    names: Mapping[str, str] = {f"costs.{name}": name for name in _MONEY}

    model = forms.ChoiceField(label=_("Model"))
    precision = forms.ChoiceField(
        label=_("Precision"),
        required=False,
        choices=[("", _("the first that fits")), *((each, each.upper()) for each in _PRECISIONS)],
    )
    accelerator = forms.ChoiceField(label=_("Accelerator"))
    cards_per_node = forms.IntegerField(label=_("Cards in each server"), initial=8)
    nodes = _whole(_("Servers"), 1)
    context_tokens = _whole(_("Context, tokens"), 32768, _("The longest question with its answer."))
    concurrency = _whole(_("Requests at once"), 16)
    requests_per_second = forms.FloatField(
        label=_("Requests a second"), required=False, help_text=_("At the peak.")
    )
    prompt_tokens = _whole(_("Prompt, tokens"), 2000, _("Of an average request."))
    answer_tokens = _whole(_("Answer, tokens"), 1000, _("Of an average answer, with its reasoning."))
    objective = forms.ChoiceField(
        label=_("Best for"),
        required=False,
        choices=[
            ("auto", _("carrying the load, then speed")),
            ("latency", _("fast single answers")),
            ("throughput", _("many tokens in all")),
        ],
    )
    kv_cache = forms.ChoiceField(
        label=_("KV cache"),
        required=False,
        choices=[("auto", _("as the model computes")), ("fp8", _("FP8, half the memory"))],
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label=_("Currency"),
        required=False,
        initial="CNY",
        help_text=_("Three letters."),
        widget=forms.TextInput(attrs={"placeholder": "CNY"}),
    )
    purchase_per_card = _money(_("Purchase of a card"), None, _("With its share of server and network."))
    lease_per_card_hour = _money(_("Or lease of a card an hour"))
    amortisation_months = _whole(_("Written off in months"), 36)
    running_per_month = _money(_("Other running costs a month"), "0")
    power_price_kwh = _money(_("Power, a kilowatt hour"), "0")
    pue = _money(_("Power usage effectiveness"), "1.3", _("Of the data centre, cooling included."))
    watts_per_card = _money(_("Watts of a card"), None, _("The catalogue’s, where this is blank."))
    watts_per_node = _money(_("Watts of a server besides"), "0")
    requests_per_month = _whole(_("Requests a month"), 0)
    cache_hit_share = _money(_("Share of prompts from the cache"), "0", _("From 0 to 1, at the API."))
    off_peak_share = _money(_("Share of requests at off-peak hours"), "0", _("From 0 to 1."))
    api_model = forms.ChoiceField(label=_("API model to compare with"), required=False)
    exchange_rate = _money(_("Exchange rate"), None, _("Your currency for one of the price’s."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chat = [(each.id, each.name) for each in models(kind="chat") if not each.bundled]
        names = dict.fromkeys(each.name for book in price_books() for each in book.models)
        self._choose("model", chat, "deepseek-r1")
        self._choose("accelerator", [(each.id, each.name) for each in accelerators()], "h200")
        self._choose(
            "api_model", [("", _("what answers with this model")), *((each, each) for each in names)]
        )

    def _choose(self, name: str, choices: list[Any], initial: str = "") -> None:
        field = self.fields[name]
        field.choices = choices  # type: ignore[attr-defined]  # all three are ChoiceFields
        field.initial = initial

    @property
    def basics(self) -> list[BoundField]:
        """What is always shown."""
        return [self[name] for name in (*_OWN, *_WORK)]

    @property
    def money(self) -> list[BoundField]:
        """What only the sheet of costs needs."""
        return [self[name] for name in _MONEY]

    @property
    def wants_costs(self) -> bool:
        """Whether a price of the hardware is given, or anything of the money is wrong."""
        if not self.is_bound:
            return False
        said = [self.data.get(name) for name in ("purchase_per_card", "lease_per_card_hour")]
        return any(said) or any(name in self.errors for name in _MONEY)

    def request(self) -> PlanRequest:
        """Of a valid form."""
        data = self._given(*_OWN)
        data["workload"] = self._given(*_WORK)
        if self.wants_costs:
            data["costs"] = self._given(*_MONEY)
        return plan_request(data=data)

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in (None, "")}
