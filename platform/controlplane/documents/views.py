"""REST of knowledge bases, documents and jobs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.core.problems import InvalidInput
from controlplane.documents import job_serializers as job_shapes
from controlplane.documents import selectors
from controlplane.documents import serializers as shapes
from controlplane.documents.contents import base_contents
from controlplane.documents.downloads import source_response
from controlplane.documents.models import Document, DocumentStatus, JobStatus, KnowledgeBase
from controlplane.documents.query_params import moment, whole_number
from controlplane.documents.selectors import page_not_found
from controlplane.documents.services import documents, jobs, knowledge_bases, reindexing, versions
from controlplane.documents.uploads import HashedUpload, check_length
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required

_STATUS = OpenApiParameter("status", enum=DocumentStatus.values)
_NAME = OpenApiParameter(
    "q", str, description="in the file name: Chinese by any part, other words by their beginning"
)
_MOST_IDS = 200
_LONGEST_NAME = 255


class DocumentsView(PrincipalView):
    permission_classes = (scope_required(KeyScope.DOCUMENTS_READ, KeyScope.DOCUMENTS_WRITE),)

    @property
    def tenant_id(self) -> UUID:
        return self.principal.tenant


class KnowledgeBases(DocumentsView):
    serializer_class = shapes.KnowledgeBaseSerializer

    @extend_schema(responses=shapes.KnowledgeBaseSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(selectors.knowledge_base_list(tenant_id=self.tenant_id)) or []
        return self.get_paginated_response(_shown(page, tenant_id=self.tenant_id))

    @extend_schema(request=shapes.KnowledgeBaseCreate, responses={201: shapes.KnowledgeBaseSerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.KnowledgeBaseCreate)
        made = knowledge_bases.knowledge_base_create(principal=self.principal, **data)
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=made.pk)
        return Response(_shown([base], tenant_id=self.tenant_id)[0], status=201)


def _shown(bases: Sequence[KnowledgeBase], *, tenant_id: UUID) -> Any:
    contents = base_contents(tenant_id=tenant_id, bases=bases)
    return shapes.KnowledgeBaseSerializer(bases, many=True, context={"contents": contents}).data


class KnowledgeBaseDetail(DocumentsView):
    serializer_class = shapes.KnowledgeBaseSerializer

    @extend_schema(responses=shapes.KnowledgeBaseSerializer)
    def get(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        return Response(_shown([base], tenant_id=self.tenant_id)[0])

    @extend_schema(request=shapes.KnowledgeBaseUpdate, responses=shapes.KnowledgeBaseSerializer)
    def patch(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        data = self.checked(shapes.KnowledgeBaseUpdate, partial=True)
        knowledge_bases.knowledge_base_update(principal=self.principal, base=base, **data)
        return Response(_shown([base], tenant_id=self.tenant_id)[0])

    @extend_schema(responses={204: None})
    def delete(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        knowledge_bases.knowledge_base_delete(principal=self.principal, base=base)
        return Response(status=204)


class KnowledgeBaseReindex(DocumentsView):
    serializer_class = shapes.ReindexSerializer

    @extend_schema(request=None, responses={202: shapes.ReindexSerializer})
    def post(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        added = reindexing.knowledge_base_reindex(principal=self.principal, base=base)
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        shown = _shown([base], tenant_id=self.tenant_id)[0]
        return Response({"jobs": added, "knowledge_base": shown}, status=202)


class KnowledgeBaseRetry(DocumentsView):
    """Tries again whatever has failed in the base."""

    serializer_class = job_shapes.RetriedSerializer

    @extend_schema(request=None, responses={202: job_shapes.RetriedSerializer})
    def post(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        retried = jobs.failed_jobs_retry(principal=self.principal, base=base)
        return Response({"jobs": retried}, status=202)


class KnowledgeBaseDocuments(DocumentsView):
    parser_classes = (MultiPartParser,)
    serializer_class = shapes.DocumentSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_length(int(request.META.get("CONTENT_LENGTH") or 0))
        super().initial(request, *args, **kwargs)

    @extend_schema(responses=shapes.DocumentSerializer(many=True), parameters=[_STATUS, _NAME])
    def get(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        return self.listed(_documents(request, self.tenant_id, base.pk), shapes.DocumentSerializer)

    @extend_schema(
        request={"multipart/form-data": shapes.UploadForm},
        responses={
            202: shapes.ReceivedSerializer,
            200: OpenApiResponse(shapes.ReceivedSerializer, "The content is there already."),
        },
    )
    def post(self, request: Request, base_id: UUID) -> Response:
        base = selectors.knowledge_base_get(tenant_id=self.tenant_id, base_id=base_id)
        form = self.checked(shapes.UploadForm)
        received = documents.document_upload(
            principal=self.principal,
            base=base,
            upload=_upload(form["file"]),
            secrecy=form.get("secrecy"),
            metadata=form.get("metadata"),
        )
        return Response(shapes.ReceivedSerializer(received).data, status=202 if received.job else 200)


def _upload(file: HashedUpload) -> documents.Upload:
    return documents.Upload(filename=file.name or "", file=file, size=file.size or 0, sha256=file.sha256)


class Documents(DocumentsView):
    """Of all bases; with `ids`, the documents that somebody follows, in one answer."""

    serializer_class = shapes.DocumentSerializer

    @extend_schema(
        responses=shapes.DocumentSerializer(many=True),
        parameters=[
            _STATUS,
            _NAME,
            OpenApiParameter("knowledge_base", OpenApiTypes.UUID),
            OpenApiParameter("ids", str, description=f"separated by commas, at most {_MOST_IDS}"),
        ],
    )
    def get(self, request: Request) -> Response:
        base_id = _id(request, "knowledge_base")
        return self.listed(_documents(request, self.tenant_id, base_id), shapes.DocumentSerializer)


def _documents(request: Request, tenant_id: UUID, base_id: UUID | None) -> QuerySet[Document]:
    status = request.query_params.get("status", "")
    return selectors.document_list(
        tenant_id=tenant_id,
        base_id=base_id,
        statuses=[status] if status else [],
        text=request.query_params.get("q", "")[:_LONGEST_NAME],
        ids=_ids(request),
    )


def _ids(request: Request) -> list[UUID] | None:
    if "ids" not in request.query_params:
        return None
    asked = [part for part in request.query_params["ids"].split(",") if part]
    if len(asked) > _MOST_IDS:
        raise InvalidInput(
            code="invalid_field",
            field="ids",
            detail=_("At most %(most)s identifiers.") % {"most": _MOST_IDS},
            remedy=_("Ask for them in several requests."),
        )
    return [_uuid(one, "ids") for one in asked]


class DocumentReindex(DocumentsView):
    """Reads the file again, as a new version beside the one that answers."""

    serializer_class = shapes.ReceivedSerializer

    @extend_schema(request=None, responses={202: shapes.ReceivedSerializer})
    def post(self, request: Request, document_id: UUID) -> Response:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        received = versions.document_reindex(principal=self.principal, document=document)
        return Response(shapes.ReceivedSerializer(received).data, status=202)


class VersionRestore(DocumentsView):
    """Makes the file of an earlier version the newest version."""

    serializer_class = shapes.ReceivedSerializer

    @extend_schema(request=None, responses={202: shapes.ReceivedSerializer})
    def post(self, request: Request, document_id: UUID, number: int) -> Response:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        received = versions.version_restore(principal=self.principal, document=document, number=number)
        return Response(shapes.ReceivedSerializer(received).data, status=202)


class DocumentDetail(DocumentsView):
    serializer_class = shapes.DocumentDetailSerializer

    @extend_schema(responses=shapes.DocumentDetailSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        return Response(shapes.DocumentDetailSerializer(document).data)

    @extend_schema(request=shapes.DocumentUpdate, responses=shapes.DocumentDetailSerializer)
    def patch(self, request: Request, document_id: UUID) -> Response:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        data = self.checked(shapes.DocumentUpdate, partial=True)
        documents.document_update(principal=self.principal, document=document, **data)
        return Response(shapes.DocumentDetailSerializer(document).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, document_id: UUID) -> Response:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        documents.document_delete(principal=self.principal, document=document)
        return Response(status=204)


class DocumentContent(DocumentsView):
    serializer_class = shapes.PageSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("page", int, description="the text of one page, as JSON"),
            OpenApiParameter("version", int, description="of an earlier upload; else the one that answers"),
            OpenApiParameter("passage", int, description="a passage with its neighbours, as JSON"),
        ],
        responses={
            (200, "application/json"): shapes.PageSerializer,
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, document_id: UUID) -> HttpResponseBase:
        document = selectors.document_get(tenant_id=self.tenant_id, document_id=document_id)
        if "passage" in request.query_params:
            return self._place(document, whole_number(request, "passage"))
        version = selectors.source_version(document=document)
        if "version" in request.query_params:
            number = whole_number(request, "version")
            version = selectors.version_get(document=document, number=number)
        if "page" not in request.query_params:
            return source_response(request=request._request, filename=document.filename, version=version)
        page, pages = whole_number(request, "page"), selectors.page_count(version=version)
        if page > pages:
            raise page_not_found(pages=pages)
        passages = selectors.page_passages(version=version, page=page)
        body = {"page": page, "pages": pages, "version": version.number, "passages": passages}
        return Response(shapes.PageSerializer(body).data)

    def _place(self, document: Document, passage_id: int) -> Response:
        passage = selectors.passage_get(document=document, passage_id=passage_id)
        body = {
            "page": passage.page or 1,
            "pages": selectors.page_count(version=passage.version),
            "version": passage.version.number,
            "passages": selectors.passages_around(passage=passage),
        }
        return Response(shapes.PageSerializer(body).data)


class Jobs(DocumentsView):
    serializer_class = job_shapes.JobSerializer

    @extend_schema(
        responses=job_shapes.JobSerializer(many=True),
        parameters=[
            OpenApiParameter("status", enum=[*JobStatus.values, selectors.OPEN_JOBS]),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="ended at or after"),
            OpenApiParameter("document", OpenApiTypes.UUID),
            OpenApiParameter("knowledge_base", OpenApiTypes.UUID),
        ],
    )
    def get(self, request: Request) -> Response:
        found = selectors.job_list(
            tenant_id=self.tenant_id,
            status=request.query_params.get("status", ""),
            document_id=_id(request, "document"),
            base_id=_id(request, "knowledge_base"),
            ended_since=moment(request, "from"),
        )
        return self.listed(found, job_shapes.JobSerializer)


def _id(request: Request, name: str) -> UUID | None:
    return _uuid(request.query_params[name], name) if name in request.query_params else None


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(
            code="invalid_field", field=name, detail=_("This is not an identifier.")
        ) from error


class JobDetail(DocumentsView):
    serializer_class = job_shapes.JobSerializer

    @extend_schema(responses=job_shapes.JobSerializer)
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(
            job_shapes.JobSerializer(selectors.job_get(tenant_id=self.tenant_id, job_id=job_id)).data
        )


class JobCancel(JobDetail):
    http_method_names = ("post", "options")

    @extend_schema(request=None, responses=job_shapes.JobSerializer)
    def post(self, request: Request, job_id: UUID) -> Response:
        job = selectors.job_get(tenant_id=self.tenant_id, job_id=job_id)
        jobs.job_cancel(principal=self.principal, job=job)
        return self.get(request, job_id)


class JobRetry(JobDetail):
    http_method_names = ("post", "options")

    @extend_schema(request=None, responses={202: job_shapes.JobSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        job = selectors.job_get(tenant_id=self.tenant_id, job_id=job_id)
        jobs.job_retry(principal=self.principal, job=job)
        response = self.get(request, job_id)
        response.status_code = 202
        return response
