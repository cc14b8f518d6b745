"""REST of the price books: they are the platform's, and no organisation's data is in them."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import PlatformAdmin, SomeAdmin
from controlplane.serving.price_selectors import price_book_get, price_book_list
from controlplane.serving.price_serializers import (
    PriceBookDetailSerializer,
    PriceBookSerializer,
    PriceBookWrite,
)
from controlplane.serving.price_services import price_book_import, price_book_import_example


class PriceBooks(PrincipalView):
    """Every version of every book, the newest first. To import is for administrators of the platform.

    A file that says the same as the newest version of its book adds none: that one is answered, with 200.
    """

    serializer_class = PriceBookSerializer

    def get_permissions(self) -> list[BasePermission]:
        return [SomeAdmin() if self.request.method == "GET" else PlatformAdmin()]

    @extend_schema(operation_id="price_books_list", responses=PriceBookSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed(price_book_list(), PriceBookSerializer)

    @extend_schema(
        operation_id="price_books_import",
        request=PriceBookWrite,
        responses={200: PriceBookDetailSerializer, 201: PriceBookDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        asked, actor = self.checked(PriceBookWrite), self.principal.actor
        if "example" in asked:
            row, is_new = price_book_import_example(actor=actor)
        else:
            row, is_new = price_book_import(actor=actor, content=asked["content"], from_now=asked["from_now"])
        return Response(PriceBookDetailSerializer(row).data, status=201 if is_new else 200)


class PriceBookDetail(PrincipalView):
    """One version, with its file."""

    permission_classes = (SomeAdmin,)
    serializer_class = PriceBookDetailSerializer

    @extend_schema(operation_id="price_books_read", responses=PriceBookDetailSerializer)
    def get(self, request: Request, book_id: UUID) -> Response:
        return Response(PriceBookDetailSerializer(price_book_get(book_id=book_id)).data)
