"""Forms of the console: how they look, and how a service's Problem becomes an error at its field."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

from controlplane.core.problems import Problem


class ConsoleRenderer(TemplatesSetting):
    form_template_name = "console/forms/form.html"
    field_template_name = "console/forms/field.html"


class ConsoleForm(forms.Form):
    """`{{ form }}` gives the fields with labels, help and errors that a screen reader connects with them."""

    default_renderer = ConsoleRenderer
    required_css_class = "is-required"
    error_css_class = "has-error"
    # The names that services give to fields, where they differ from the form's.
    names: Mapping[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"label_suffix": ""} | kwargs))

    def add_problem(self, problem: Problem) -> None:
        """At the field that it names, else at the top."""
        name = self.names.get(problem.field, problem.field)
        self.add_error(name if name in self.fields else None, problem.told())

    def text(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")

    def values(self, *names: str) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in names}
