"""Forms of models and their replicas."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.console.forms import ConsoleForm
from controlplane.console.once import OnceForm
from controlplane.serving.models import LONGEST_MODEL, LONGEST_NAME, LONGEST_URL, ModelKind

_MOST_TOKENS = 100_000_000
_MOST_REQUESTS = 1_000_000


class _DeploymentFields(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=LONGEST_NAME, help_text=_("What callers say as “model”, as deepseek-r1.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=ModelKind.choices, initial=ModelKind.CHAT)
    routes = forms.CharField(
        label=_("Routes"),
        max_length=500,
        required=False,
        help_text=_("Further names it answers to, with commas between them: reasoner, chat, auto."),
    )
    overflow_to = forms.CharField(
        label=_("Stand-in"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=_(
            "The model or route that answers while this one is full or away, for organisations that allow it:"
            " a distilled model, say."
        ),
    )
    description = forms.CharField(label=_("Description"), max_length=500, required=False)
    context_tokens = forms.IntegerField(
        label=_("Context, tokens"),
        min_value=1,
        max_value=_MOST_TOKENS,
        required=False,
        help_text=_("Of the longest prompt with its answer."),
    )


class _ReplicaFields(forms.Form):
    base_url = forms.CharField(
        label=_("Address"),
        max_length=LONGEST_URL,
        help_text=_("As http://vllm:8000/v1, without a key in it."),
    )
    model = forms.CharField(
        label=_("Model on the server"),
        max_length=LONGEST_MODEL,
        required=False,
        help_text=_("What the server calls it; empty: as above."),
    )
    api_key = forms.CharField(
        label=_("Key of the server"),
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("It is kept sealed and not shown again."),
    )
    capacity = forms.IntegerField(
        label=_("Requests at once"),
        min_value=1,
        max_value=_MOST_REQUESTS,
        required=False,
        help_text=_("The most it works on at the same time, as vLLM’s --max-num-seqs."),
    )


def _deployment(form: ConsoleForm) -> dict[str, Any]:
    routes = [route for part in form.text("routes").split(",") if (route := part.strip())]
    return {**form.values("name", "kind", "overflow_to", "description", "context_tokens"), "routes": routes}


class DeploymentForm(_ReplicaFields, _DeploymentFields, OnceForm):
    """A model together with its first replica."""

    field_order = ["name", "kind", "base_url", "model", "api_key", "capacity", "routes", "overflow_to"]

    def deployment(self) -> dict[str, Any]:
        return _deployment(self)

    def replica(self) -> dict[str, Any]:
        return self.values("base_url", "model", "api_key", "capacity")


class DeploymentChangeForm(_DeploymentFields, ConsoleForm):
    def deployment(self) -> dict[str, Any]:
        return _deployment(self)


class ReplicaForm(_ReplicaFields, OnceForm):
    def replica(self) -> dict[str, Any]:
        return self.values("base_url", "model", "api_key", "capacity")


class ReplicaChangeForm(_ReplicaFields, ConsoleForm):
    """An empty key leaves the one there is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["api_key"].help_text = _("Empty: the key stays as it is.")
        self.fields["model"].help_text = _("What the server calls it.")
        self.fields["model"].required = True

    def replica(self) -> dict[str, Any]:
        key = {"api_key": self.text("api_key")} if self.text("api_key") else {}
        return {**self.values("base_url", "model", "capacity"), **key}
