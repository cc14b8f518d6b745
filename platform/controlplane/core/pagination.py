"""Lists are paged by key: stable under inserts, and as fast on page thousand as on page one."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane.core.problems import InvalidInput


class KeysetPagination(CursorPagination):
    """Ordered by id, which is a time-ordered UUID. `?limit=` up to 200, `?cursor=` from `next`."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Of a QuerySet. Raises InvalidInput for a cursor that none of its pages gave."""
        self._key = queryset.model._meta.get_field(self.ordering.removeprefix("-"))
        page: list[Any] | None = super().paginate_queryset(queryset, request, view)
        # Not what the request's Host header says: whoever chooses that would choose where our links lead.
        self.base_url = settings.ORIGIN + request.get_full_path()
        return page

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._key.to_python(cursor.position)
        except (NotFound, ValidationError) as error:
            raise InvalidInput(
                code="invalid_cursor",
                field="cursor",
                detail=_("This cursor belongs to no list."),
                remedy=_(
                    "Follow the links “next” and “previous” of a list, or begin again without a cursor."
                ),
            ) from error
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }
