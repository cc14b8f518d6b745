"""REST of what a citation leads to: pictures of pages, and passages with those around them."""

import hashlib
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.core.api import IMAGE_HEADERS, AnyAccepted
from controlplane.core.problems import InvalidInput
from controlplane.core.scope import scoped
from controlplane.documents import selectors
from controlplane.documents import serializers as shapes
from controlplane.documents.page_images import DEFAULT_WIDTH, WIDTHS, page_picture, picture_key
from controlplane.documents.query_params import whole_number
from controlplane.documents.views import DocumentsView

_VERSION = OpenApiParameter("version", int, description="of an earlier upload; else the one that answers")
DEFAULT_PASSAGES, MOST_PASSAGES = 20, 200


def _optional(request: Request, name: str, *, least: int = 1) -> int | None:
    return whole_number(request, name, least=least) if name in request.query_params else None


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class PageImage(DocumentsView):
    """Not in one transaction as other views are: a page may wait to be drawn, and would hold a connection meanwhile."""

    content_negotiation_class = AnyAccepted
    serializer_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # nothing is written: no Idempotency-Key

    @extend_schema(
        parameters=[
            OpenApiParameter("width", int, enum=WIDTHS, default=DEFAULT_WIDTH, description="in pixels"),
            OpenApiParameter("highlight", int, description="a passage whose place is marked, if it is found"),
            _VERSION,
        ],
        responses={(200, "image/png"): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, document_id: UUID, number: int) -> HttpResponseBase:
        width = _width(request)
        with scoped(self.principal.scope()):
            source = selectors.page_source(
                tenant_id=self.tenant_id,
                document_id=document_id,
                number=number,
                version=_optional(request, "version"),
                passage_id=_optional(request, "highlight"),
            )
        close_old_connections()
        key = "\n".join(picture_key(source=source, width=width))
        etag = f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
        # Kept by the browser, and asked for again each time: rights may have ended, or somebody else sits there now.
        headers = {**IMAGE_HEADERS, "ETag": etag, "Cache-Control": "private, no-cache"}
        if etag in (tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))):
            return HttpResponse(status=304, headers=headers)
        picture = page_picture(source=source, width=width)
        return HttpResponse(picture, content_type="image/png", headers=headers)


def _width(request: Request) -> int:
    raw = request.query_params.get("width", str(DEFAULT_WIDTH))
    if raw not in map(str, WIDTHS):
        raise InvalidInput(
            code="invalid_field",
            field="width",
            detail=_("Pages are drawn in these widths: %(widths)s.")
            % {"widths": ", ".join(map(str, WIDTHS))},
            remedy=_("Choose the next larger one, and let the browser scale it."),
        )
    return int(raw)


class Passages(DocumentsView):
    serializer_class = shapes.PassagesSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("around", int, description="a passage's chunk_id, which is put in the middle"),
            OpenApiParameter("after", int, description="an ordinal"),
            OpenApiParameter("before", int, description="an ordinal"),
            OpenApiParameter("limit", int, description=f"at most {MOST_PASSAGES}", default=DEFAULT_PASSAGES),
            _VERSION,
        ],
        responses=shapes.PassagesSerializer,
    )
    def get(self, request: Request, document_id: UUID) -> Response:
        document = selectors.document_find(tenant_id=self.tenant_id, document_id=document_id)
        limit = min(_optional(request, "limit") or DEFAULT_PASSAGES, MOST_PASSAGES)
        page = selectors.passages_page(
            document=document,
            version=_optional(request, "version"),
            limit=limit,
            around=_optional(request, "around"),
            before=_optional(request, "before", least=0),
            after=_optional(request, "after", least=0),
        )
        kept = {"limit": limit, "version": page.version.number}
        body = {
            "version": page.version.number,
            "results": page.passages,
            "previous": _link(request, kept, before=page.before),
            "next": _link(request, kept, after=page.after),
        }
        return Response(shapes.PassagesSerializer(body).data)


def _link(request: Request, kept: dict[str, int], **place: int | None) -> str | None:
    if None in place.values():
        return None
    return f"{settings.ORIGIN}{request.path}?{urlencode({**kept, **place})}"
