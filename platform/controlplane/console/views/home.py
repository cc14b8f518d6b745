from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlplane.console.addresses import chat_address
from controlplane.console.needs import Need, uses_console
from controlplane.console.pages import ConsolePage, back_to


class Overview(ConsolePage):
    """Who has nothing to do in the console is led to the chat."""

    need = Need.SIGNED_IN
    section = "overview"
    title = _("Overview")
    template = "console/overview.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not uses_console(self.principal):
            return back_to(chat_address())
        return super().get(request, *args, **kwargs)
