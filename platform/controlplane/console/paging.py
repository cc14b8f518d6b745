"""Lists of the console, paged by key like those of the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from controlplane.core.pagination import KeysetPagination

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class ListPage(Generic[M]):
    """`next` and `previous` are query strings, empty where there is no such page."""

    rows: Sequence[M]
    next: str
    previous: str

    @property
    def is_empty(self) -> bool:
        return not self.rows


def list_page(
    *, request: HttpRequest, queryset: QuerySet[M], ordering: str = "-id", size: int = 25
) -> ListPage[M]:
    """The page that `?cursor=` names. Raises InvalidInput for a cursor of another list."""
    paging = KeysetPagination()
    paging.ordering, paging.page_size = ordering, size
    rows = paging.paginate_queryset(queryset, Request(request)) or []
    return ListPage(
        rows=rows, next=_query(paging.get_next_link()), previous=_query(paging.get_previous_link())
    )


def _query(link: Any) -> str:
    return f"?{urlsplit(link).query}" if link else ""
