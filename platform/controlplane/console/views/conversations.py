"""Conversations held with the assistants of one's departments, read along: nothing here changes them."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.selectors import managed_assistant_list
from controlplane.chat.models import MessageStatus
from controlplane.chat.reviews import ReviewFilters, reviewed_conversation_get, reviewed_conversation_list
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.paging import list_page
from controlplane.console.transcript import turns_of
from controlplane.identity.actors import actors_of

_UNTITLED = _("Without a title")


class FilterForm(forms.Form):
    """What cannot be read is as if it had not been sent: a filter is no entry."""

    q = forms.CharField(max_length=200, required=False)
    assistant = forms.SlugField(max_length=63, required=False)
    status = forms.ChoiceField(choices=[("", ""), *MessageStatus.choices], required=False)
    actor = forms.CharField(max_length=64, required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def filters(self) -> ReviewFilters:
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        return ReviewFilters(
            q=data.get("q") or "",
            assistant=data.get("assistant") or "",
            status=data.get("status") or "",
            actor=data.get("actor") or "",
            since=data.get("since"),
            until=data.get("until"),
        )


class Conversations(ConsolePage):
    need = Need.MANAGER
    section = "conversations"
    title = _("Conversations")
    template = "console/conversations/list.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        filters = FilterForm(request.GET).filters()
        found = reviewed_conversation_list(principal=self.principal, filters=filters)
        page = list_page(request=request, queryset=found)
        actors = actors_of(tenant_id=self.principal.tenant, actors=[row.actor for row in page.rows])
        return self.page(
            page=page,
            rows=[(row, actors[row.actor]) for row in page.rows],
            filters=filters,
            is_filtered=filters != ReviewFilters(),
            assistants=managed_assistant_list(principal=self.principal).order_by("name"),
            statuses=MessageStatus.choices,
        )


class ConversationDetail(ConsolePage):
    need = Need.MANAGER
    section = "conversations"
    template = "console/conversations/detail.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        opened = reviewed_conversation_get(
            principal=self.principal, conversation_id=kwargs["conversation_id"]
        )
        conversation = opened.conversation
        who = actors_of(tenant_id=self.principal.tenant, actors=[conversation.actor])
        return self.page(
            title=conversation.title or _UNTITLED,
            crumbs=[(_("Conversations"), reverse("console:conversations"))],
            conversation=conversation,
            actor=who[conversation.actor],
            turns=turns_of(messages=opened.messages),
            is_own=conversation.actor == self.principal.actor,
        )
