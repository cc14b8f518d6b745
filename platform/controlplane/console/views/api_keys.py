"""API keys: the list, making one, ending one."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.assistants.selectors import assistant_list
from controlplane.console.choices import administered_choices, clearance_choices
from controlplane.console.examples import SCOPE_WORDS, key_examples
from controlplane.console.needs import Need
from controlplane.console.once import OnceForm, done_once
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.core.problems import Problem
from controlplane.core.secrecy import Secrecy
from controlplane.identity.actors import actors_of
from controlplane.identity.models import ApiKey
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import api_key_get, api_key_list
from controlplane.identity.services import api_key_create, api_key_revoke
from controlplane.tenants.selectors import department_get

_STATES = (
    ("active", gettext_lazy("Active")),
    ("expired", gettext_lazy("Expired")),
    ("revoked", gettext_lazy("Revoked")),
)
_EXPIRIES = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("180", gettext_lazy("180 days")),
    ("365", gettext_lazy("one year")),
    ("", gettext_lazy("never")),
)


class KeyPage(ConsolePage):
    need = Need.ADMIN
    section = "api-keys"
    title = gettext_lazy("API keys")

    @property
    def trail(self) -> list[tuple[str, str]]:
        return [(_("API keys"), reverse("console:api-keys"))]


class ApiKeys(KeyPage):
    template = "console/api_keys/list.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        state = self.request.GET.get("state", "active")
        page = list_page(request=self.request, queryset=api_key_list(principal=self.principal, state=state))
        makers = actors_of(tenant_id=self.principal.tenant, actors=[key.created_by for key in page.rows])
        return {
            "page": page,
            "rows": [(key, makers[key.created_by], _scope_names(key)) for key in page.rows],
            "state": state,
            "states": [*_STATES, ("all", _("All"))],
            "subtitle": _("Programs sign in with a key: for one department and what is beneath it."),
        }


class KeyForm(OnceForm):
    name = forms.CharField(
        label=gettext_lazy("Name of the key"),
        max_length=200,
        help_text=gettext_lazy("Which program uses it: you will recognise the key by this."),
    )
    department = forms.ChoiceField(
        label=gettext_lazy("Department"),
        help_text=gettext_lazy("The key acts in this department and in everything beneath it."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"), widget=forms.CheckboxSelectMultiple
    )
    clearance = forms.ChoiceField(
        label=gettext_lazy("Clearance"),
        help_text=gettext_lazy("Documents above this level do not exist for the key."),
    )
    expires = forms.ChoiceField(
        label=gettext_lazy("Valid for"), choices=_EXPIRIES, initial="90", required=False
    )
    names = {"expires_at": "expires"}

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        departments = administered_choices(principal=principal)
        chosen = departments if len(departments) == 1 else [("", _("Choose a department")), *departments]
        choices: dict[str, Any] = {
            "department": chosen,
            "clearance": clearance_choices(most=principal.clearance),
            "scopes": [
                (scope, format_html("<span><strong>{}</strong><br>{}</span>", *words))
                for scope, words in SCOPE_WORDS.items()
                if scope in principal.scopes
            ],
        }
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker: the class says so)
            field.choices = values
        self.initial = {"clearance": Secrecy.INTERNAL.slug, "scopes": ["chat", "search"]}

    @property
    def expires_at(self) -> datetime | None:
        days = self.text("expires")
        return timezone.now() + timedelta(days=int(days)) if days else None

    def made(self, principal: Principal) -> tuple[ApiKey, str]:
        return api_key_create(
            principal=principal,
            department=department_get(tenant_id=principal.tenant, key=self.text("department")),
            name=self.text("name"),
            scopes=self.cleaned_data["scopes"],
            clearance=Secrecy.from_slug(self.cleaned_data["clearance"]),
            expires_at=self.expires_at,
        )


class ApiKeyAdd(KeyPage):
    title = gettext_lazy("Make an API key")
    template = "console/api_keys/add.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page(form=KeyForm(principal=self.principal), crumbs=self.trail)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(request.POST, principal=self.principal)
        if not form.is_valid():
            return self.page(form=form, crumbs=self.trail, status=422)
        try:
            made = done_once(
                principal=self.principal,
                mark=form.text("once"),
                request=request,
                work=lambda: form.made(self.principal),
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.page(form=form, crumbs=self.trail, status=problem.status)
        if made is None:
            messages.info(
                request, _("The form was sent twice: the key was made once, and is not shown again.")
            )
            return back_to(reverse("console:api-keys"))
        return self._shown(*made)

    def _shown(self, key: ApiKey, presented: str) -> HttpResponse:
        first = assistant_list(principal=self.principal).filter(department_id=key.department_id).first()
        opening = first.opening_questions[:1] if first else []
        return self.page(
            "console/api_keys/made.html",
            title=_("The key was made"),
            crumbs=self.trail,
            key=key,
            presented=presented,
            base_url=settings.BASE_URL.rstrip("/"),
            scopes=_scope_names(key),
            examples=key_examples(
                key=presented,
                scopes=key.scopes,
                model=f"assistant:{first.slug}" if first else "chat",
                question=opening[0] if opening else _("What can you help me with?"),
            ),
            address=reverse("console:api-keys"),
        )


class ApiKeyRevoke(KeyPage):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = api_key_get(principal=self.principal, key_id=key_id)
        api_key_revoke(principal=self.principal, key=key)
        messages.success(request, _("The key “%(name)s” was revoked.") % {"name": key.name})
        return back_to(reverse("console:api-keys"))


def _scope_names(key: ApiKey) -> list[str]:
    return [str(SCOPE_WORDS[scope][0]) for scope in SCOPE_WORDS if scope in key.scopes]
