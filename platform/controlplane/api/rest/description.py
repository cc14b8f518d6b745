"""The description of the platform API."""

from functools import cache
from typing import Any

from django.utils import translation
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response


class Description(SpectacularJSONAPIView):
    """OpenAPI 3, the same for everybody; open to who has not signed in, so it is worked out once a language."""

    def _get_schema_response(self, request: Request) -> Response:
        return Response(_description(translation.get_language() or ""))


@cache
def _description(_language: str) -> dict[str, Any]:
    """In the language that is active. A process knows few languages, and its addresses never change."""
    generator = spectacular_settings.DEFAULT_GENERATOR_CLASS()
    return dict(generator.get_schema(request=None, public=True))
