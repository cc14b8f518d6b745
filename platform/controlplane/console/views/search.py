"""The search of the whole console: a page of its own, and what the palette of every page asks for."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlplane.console.finding import find
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage


class Search(ConsolePage):
    """HTMX gets the list alone."""

    need = Need.SIGNED_IN
    personal = True
    title = _("Find")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        text = request.GET.get("q", "")
        is_part = bool(request.headers.get("HX-Request"))
        template = "console/search/hits.html" if is_part else "console/search/page.html"
        return self.page(template, groups=find(principal=self.principal, text=text), text=text)
