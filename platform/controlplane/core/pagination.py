"""Lists are paged by key: stable under inserts, and as fast on page thousand as on page one."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from controlplane.core.problems import InvalidInput


def invalid_cursor() -> InvalidInput:
    return InvalidInput(
        code="invalid_cursor",
        field="cursor",
        detail=_("This cursor belongs to no list."),
        remedy=_("Follow the links “next” and “previous” of a list, or begin again without a cursor."),
    )


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
        self.base_url = self.base_of(request)
        return page

    def base_of(self, request: Request) -> str:
        """Not what the request's Host header says: whoever chooses that would choose where our links lead."""
        return settings.ORIGIN + request.get_full_path()

    def link_to(self, cursor: str) -> str:
        return replace_query_param(self.base_url or "", self.cursor_query_param, cursor)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._key.to_python(cursor.position)
        except (NotFound, ValidationError) as error:
            raise invalid_cursor() from error
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
