"""Pages of a list that is made in memory, in the shape of every other list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.core.pagination import KeysetPagination, invalid_cursor
from controlplane.metering.selectors import UsageGroup


class UsagePagination(KeysetPagination):
    """By the groups' keys: a page goes on where the last one ended, whatever was added meanwhile."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        groups: Sequence[UsageGroup] = queryset
        size = self.get_page_size(request) or self.page_size
        after, before = self._asked(request)
        if before is not None:
            end = sum(group.key < before for group in groups)
            start = max(0, end - size)
        else:
            start = 0 if after is None else sum(group.key <= after for group in groups)
            end = min(start + size, len(groups))
        self.base_url = self.base_of(request)
        self._page = groups[start:end]
        self._has = (start > 0, end < len(groups))
        return list(self._page)

    def _asked(self, request: Request) -> tuple[str | None, str | None]:
        """The keys after or before which the page lies."""
        encoded = request.query_params.get(self.cursor_query_param, "")
        if not encoded:
            return None, None
        try:
            direction, key = urlsafe_b64decode(encoded.encode()).decode().split(" ", 1)
        except ValueError as error:
            raise invalid_cursor() from error
        return (key, None) if direction == "after" else (None, key)

    def _link(self, direction: str, key: str) -> str:
        return self.link_to(urlsafe_b64encode(f"{direction} {key}".encode()).decode())

    def get_next_link(self) -> str | None:
        return self._link("after", self._page[-1].key) if self._page and self._has[1] else None

    def get_previous_link(self) -> str | None:
        return self._link("before", self._page[0].key) if self._page and self._has[0] else None
