"""The forms of the pages about people."""

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.choices import administered_choices, clearance_choices, role_choices
from controlplane.console.forms import ConsoleForm
from controlplane.console.once import OnceForm
from controlplane.core.secrecy import Secrecy
from controlplane.identity.people import NewMember
from controlplane.identity.people_file import COLUMNS
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Membership, Role

_ACCOUNTS = (
    ("new", gettext_lazy("A new person: an account is made")),
    ("existing", gettext_lazy("Has an account in this organisation already")),
)


class RightsForm(ConsoleForm):
    """What a membership gives; not above what the principal may give."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))
    clearance = forms.ChoiceField(label=gettext_lazy("Clearance"))

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choose("role", role_choices())
        self._choose("clearance", clearance_choices(most=principal.clearance))

    def _choose(self, name: str, choices: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker: the class says so)
        field.choices = choices

    @property
    def role_given(self) -> Role:
        return Role(self.cleaned_data["role"])

    @property
    def clearance_given(self) -> Secrecy:
        return Secrecy.from_slug(self.cleaned_data["clearance"])


class MembershipForm(RightsForm):
    """A row of somebody's memberships: its fields stand in cells, apart from their form."""

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        present = {"role": membership.role, "clearance": Secrecy(membership.clearance).slug}
        super().__init__(*args, auto_id=f"id_%s_{membership.pk}", initial=present, **kwargs)
        self.membership = membership
        self.form_id = f"membership-{membership.pk}"
        for name, bound in self.fields.items():
            label = f"{bound.label}: {membership.department.name}"
            self.fields[name].widget.attrs |= {"form": self.form_id, "aria-label": label}


class JoinForm(RightsForm):
    """Another department for somebody who is there."""

    department = forms.ChoiceField(label=gettext_lazy("Department"))
    field_order: tuple[str, ...] = ("department", "role", "clearance")

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, principal=principal, **kwargs)
        chosen = [("", gettext_lazy("Choose a department")), *administered_choices(principal=principal)]
        self._choose("department", chosen)
        self.initial.setdefault("clearance", min(Secrecy.INTERNAL, principal.clearance).slug)

    def member(self, *, email: str, name: str = "", password: str = "") -> NewMember:
        return NewMember(
            email=email, name=name, password=password, role=self.role_given, clearance=self.clearance_given
        )


class PersonForm(OnceForm, JoinForm):
    account = forms.ChoiceField(
        label=gettext_lazy("Account"), choices=_ACCOUNTS, initial="new", widget=forms.RadioSelect
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(label=gettext_lazy("Full name"), max_length=200)
    password = forms.CharField(
        label=gettext_lazy("Initial password"),
        max_length=128,
        required=False,
        strip=False,
        help_text=gettext_lazy("Left empty, the platform chooses one and shows it once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("account", "email", "name", "password", "department", "role", "clearance")

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, principal=principal, **kwargs)
        self.fields["name"].required = self.data.get("account") != "existing"

    @property
    def is_new(self) -> bool:
        return bool(self.cleaned_data["account"] == "new")


class NameForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Full name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class PasswordForm(OnceForm):
    password = forms.CharField(
        label=gettext_lazy("New password"),
        max_length=128,
        required=False,
        strip=False,
        help_text=gettext_lazy("Left empty, the platform chooses one and shows it once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _columns_help() -> str:
    """Said anew for each reader: `%` of a lazy text is a text, in the language of whoever came first."""
    text = _("UTF-8 or GB 18030, with these columns in the first line: %(columns)s.")
    return text % {"columns": ", ".join(COLUMNS)}


class FileForm(ConsoleForm):
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=lazy(_columns_help, str)(),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )


class TakeOverForm(OnceForm):
    """The lines that were looked at, sent back to be taken over: what is taken over is what was shown."""

    lines = forms.CharField(widget=forms.HiddenInput, strip=False)
