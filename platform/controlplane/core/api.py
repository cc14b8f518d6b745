"""What several REST views share."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from controlplane.core.secrecy import Secrecy


@extend_schema_field({"type": "string", "enum": Secrecy.slugs()})
class SecrecyField(serializers.Field[Secrecy, str, str, Any]):
    """A secrecy level by its slug: public, internal, confidential, secret."""

    default_error_messages = {"unknown": _("“{value}” is not a level. Choose among: {levels}.")}

    def to_internal_value(self, data: Any) -> Secrecy:
        try:
            return Secrecy.from_slug(str(data))
        except KeyError:
            self.fail("unknown", value=data, levels=", ".join(Secrecy.slugs()))

    def to_representation(self, value: int) -> str:
        return Secrecy(value).slug


class AnyAccepted(DefaultContentNegotiation):
    """For views that answer with an image: a problem in JSON is better than a 406 for who accepts images alone."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


IMAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Authorization, Cookie",
}
