"""The queue of what askers found wrong, for the managers of the departments that were asked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.chat.feedback import feedback_decide
from controlplane.chat.models import FeedbackReason, FeedbackStatus, Rating
from controlplane.chat.selectors import feedback_list
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.identity.actors import actors_of

_REASONS = dict(FeedbackReason.choices)


class FilterForm(forms.Form):
    """The queue begins with what is open and down."""

    status = forms.ChoiceField(choices=[("", ""), *FeedbackStatus.choices], required=False)
    rating = forms.ChoiceField(choices=[("", ""), *Rating.choices], required=False)

    def filters(self) -> dict[str, str]:
        if not self.is_bound or not self.is_valid():
            return {"status": FeedbackStatus.OPEN, "rating": Rating.DOWN}
        return {"status": self.cleaned_data["status"], "rating": self.cleaned_data["rating"]}


class FeedbackQueue(ConsolePage):
    need = Need.MANAGER
    section = "feedback"
    title = gettext_lazy("Feedback")
    template = "console/feedback/list.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.GET if "status" in request.GET or "rating" in request.GET else None
        filters = FilterForm(asked).filters()
        page = list_page(request=request, queryset=feedback_list(principal=self.principal, **filters))
        actors = actors_of(tenant_id=self.principal.tenant, actors=[row.actor for row in page.rows])
        rows = [
            (row, actors[row.actor], [_REASONS.get(reason, reason) for reason in row.reasons])
            for row in page.rows
        ]
        return self.page(page=page, rows=rows, filters=filters)


class DecisionForm(forms.Form):
    status = forms.ChoiceField(choices=FeedbackStatus.choices)
    note = forms.CharField(max_length=2000, required=False)


class FeedbackDecide(ConsolePage):
    need = Need.MANAGER
    section = "feedback"
    title = gettext_lazy("Feedback")
    http_method_names = ("post",)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = DecisionForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("The note may have at most 2,000 characters."))
            return back_to(_list_address(request))
        feedback_decide(
            principal=self.principal,
            feedback_id=kwargs["feedback_id"],
            status=FeedbackStatus(form.cleaned_data["status"]),
            note=form.cleaned_data["note"],
        )
        resolved = form.cleaned_data["status"] == FeedbackStatus.RESOLVED
        messages.success(request, _("Marked as resolved.") if resolved else _("Opened again."))
        return back_to(_list_address(request))


def _list_address(request: HttpRequest) -> str:
    """The list as it was filtered."""
    wanted = request.POST.get("next", "")
    own = reverse("console:feedback")
    safe = wanted.startswith(own) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else own
