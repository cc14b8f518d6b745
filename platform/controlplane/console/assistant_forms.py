"""Forms of assistants."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.assistants.content import AssistantContent
from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import choosable_bases
from controlplane.console.forms import ConsoleForm
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from controlplane.tenants.selectors import department_list

MOST_QUESTIONS, LONGEST_QUESTION = 12, 300


class AssistantForm(ConsoleForm):
    """A new one: what it needs to answer its first question."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        help_text=gettext_lazy("What people see in the chat, such as “Credit rules”."),
    )
    slug = forms.SlugField(
        label=gettext_lazy("Short name"),
        max_length=63,
        help_text=gettext_lazy(
            "Latin letters, digits and hyphens. Programs ask “assistant:short-name”; it cannot be changed later."
        ),
    )
    department = forms.ChoiceField(
        label=gettext_lazy("Department"),
        help_text=gettext_lazy(
            "Its people may ask the assistant, its knowledge managers may change it, and its brand is shown."
        ),
    )
    knowledge_bases = forms.MultipleChoiceField(
        label=gettext_lazy("Knowledge bases"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What it answers from. Nobody is shown more than they may read themselves."),
    )

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        departments = department_list(tenant_id=principal.tenant).order_by("name")
        self.fields["department"].choices = [  # type: ignore[attr-defined]
            (d.slug, d.name) for d in departments if d.pk in principal.write_departments
        ]
        self.fields["knowledge_bases"].choices = [  # type: ignore[attr-defined]
            (str(b.pk), f"{b.name} · {b.department.name}")
            for b in choosable_bases(tenant_id=principal.tenant)
        ]

    def bases(self) -> list[UUID]:
        return [UUID(id_) for id_ in self.cleaned_data["knowledge_bases"]]


class _Several(forms.MultipleHiddenInput):
    """Inputs of one name, in the order in which they stand."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return list(data.getlist(name))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class OpeningQuestions(forms.Field):
    widget = _Several

    def clean(self, value: Any) -> list[str]:
        """Without those that were left empty."""
        questions = [" ".join(str(one).split()) for one in value or ()]
        questions = [question for question in questions if question]
        if len(questions) > MOST_QUESTIONS:
            raise forms.ValidationError(_("At most %s opening questions.") % MOST_QUESTIONS)
        if any(len(question) > LONGEST_QUESTION for question in questions):
            raise forms.ValidationError(
                _("An opening question has at most %s characters.") % LONGEST_QUESTION
            )
        return questions


class EditorForm(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    instructions = forms.CharField(
        label=gettext_lazy("Instructions"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text=gettext_lazy(
            "How to answer: tone, form, what to name and what to leave out. That answers rest on the passages and cite "
            "them is seen to by the platform."
        ),
    )
    route = forms.CharField(label=gettext_lazy("Model"), max_length=100)
    top_k = forms.IntegerField(
        label=gettext_lazy("Passages"),
        min_value=1,
        max_value=50,
        help_text=gettext_lazy("How many of the best passages the model may be given: 1 to 50."),
    )
    knowledge_bases = forms.MultipleChoiceField(required=False)
    greeting = forms.CharField(
        label=gettext_lazy("Greeting"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Shown above an empty conversation."),
    )
    opening_questions = OpeningQuestions(required=False)
    note = forms.CharField(label=gettext_lazy("What was changed"), required=False, max_length=200)
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    # The newest version, which the author has seen and saves on top of.
    over = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, bases: Sequence[KnowledgeBase], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all = bases
        self.fields["knowledge_bases"].choices = [(str(b.pk), b.name) for b in bases]  # type: ignore[attr-defined]

    @classmethod
    def of(cls, assistant: Assistant, linked: Sequence[UUID], bases: Sequence[KnowledgeBase]) -> "EditorForm":
        """As it is now."""
        initial: Mapping[str, Any] = {
            "name": assistant.name,
            "instructions": assistant.instructions,
            "route": assistant.route,
            "top_k": assistant.top_k,
            "knowledge_bases": [str(id_) for id_ in linked],
            "greeting": assistant.greeting,
            "opening_questions": assistant.opening_questions,
            "version": assistant.version,
        }
        return cls(initial=initial, bases=bases)

    def base_rows(self) -> list[tuple[KnowledgeBase, bool]]:
        """Each base with whether it is chosen."""
        chosen = set(self["knowledge_bases"].value() or ())
        return [(base, str(base.pk) in chosen) for base in self._all]

    def questions(self) -> list[str]:
        return [str(one) for one in self["opening_questions"].value() or ()]

    def bases(self) -> list[UUID]:
        return [UUID(id_) for id_ in self.cleaned_data["knowledge_bases"]]

    def based_on(self) -> int:
        return int(self.cleaned_data["over"] or self.cleaned_data["version"])

    def content(self) -> AssistantContent:
        return AssistantContent(
            name=self.text("name"),
            instructions=self.text("instructions").replace("\r\n", "\n"),
            route=self.text("route"),
            top_k=self.cleaned_data["top_k"],
            greeting=self.text("greeting").replace("\r\n", "\n"),
            opening_questions=self.cleaned_data["opening_questions"],
        )
