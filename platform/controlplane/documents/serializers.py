"""Shapes of knowledge bases, documents and their passages on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.core.api import SecrecyField
from controlplane.documents.contents import BaseContent
from controlplane.documents.job_serializers import FailureSerializer, error_of, job_progress
from controlplane.documents.metadata import MOST_BYTES, metadata_fault
from controlplane.documents.models import (
    Document,
    DocumentStatus,
    IndexJob,
    KnowledgeBase,
    Passage,
    Version,
)


class SpaceSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    version = serializers.CharField()
    dimension = serializers.IntegerField()


class KnowledgeBaseSerializer(serializers.ModelSerializer[KnowledgeBase]):
    """With `contents` in the context, from `selectors.base_contents`."""

    department = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    secrecy = SecrecyField()
    documents = serializers.SerializerMethodField()
    ready = serializers.SerializerMethodField()
    indexing = serializers.SerializerMethodField()
    failed = serializers.SerializerMethodField()
    embedding = SpaceSerializer(source="space")
    reindexing_to = SpaceSerializer(source="next_space", allow_null=True)
    changed_at = serializers.SerializerMethodField(help_text="the last change of a document")

    class Meta:
        model = KnowledgeBase
        fields = (
            "id",
            "name",
            "department",
            "department_id",
            "secrecy",
            "documents",
            "ready",
            "indexing",
            "failed",
            "embedding",
            "reindexing_to",
            "created_at",
            "changed_at",
        )

    def _content(self, base: KnowledgeBase) -> BaseContent:
        contents: Mapping[UUID, BaseContent] = self.context["contents"]
        return contents[base.pk]

    def get_documents(self, base: KnowledgeBase) -> int:
        return self._content(base).documents

    def get_ready(self, base: KnowledgeBase) -> int:
        return self._content(base).ready

    def get_indexing(self, base: KnowledgeBase) -> int:
        return self._content(base).indexing

    def get_failed(self, base: KnowledgeBase) -> int:
        return self._content(base).failed

    def get_changed_at(self, base: KnowledgeBase) -> datetime | None:
        return self._content(base).changed_at


class KnowledgeBaseCreate(serializers.Serializer[KnowledgeBase]):
    name = serializers.CharField(max_length=200)
    department = serializers.CharField(max_length=63, help_text="slug or id")
    secrecy = SecrecyField(required=False)


class KnowledgeBaseUpdate(serializers.Serializer[KnowledgeBase]):
    name = serializers.CharField(max_length=200, required=False)
    secrecy = SecrecyField(required=False)


def version_progress(version: Version, jobs: list[IndexJob]) -> float:
    if version.status == DocumentStatus.READY:
        return 1.0
    return job_progress(jobs[0]) if jobs else 0.0


class VersionSerializer(serializers.ModelSerializer[Version]):
    """Of a document from `document_get` or `document_list`: its jobs are prefetched."""

    live = serializers.SerializerMethodField()
    size = serializers.IntegerField(source="blob.size")
    sha256 = serializers.CharField(source="blob.sha256")
    error = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()

    class Meta:
        model = Version
        fields = (
            "id",
            "number",
            "status",
            "live",
            "progress",
            "error",
            "format",
            "size",
            "sha256",
            "title",
            "pages",
            "chunks",
            "warnings",
            "job",
            "created_at",
        )

    def get_live(self, version: Version) -> bool:
        return bool(version.pk == self.context["live_version"])

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, version: Version) -> dict[str, str] | None:
        return error_of(version)

    def get_progress(self, version: Version) -> float:
        return version_progress(version, version.newest_jobs)  # type: ignore[attr-defined]

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_job(self, version: Version) -> str | None:
        jobs = version.newest_jobs  # type: ignore[attr-defined]
        return str(jobs[0].pk) if jobs else None


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """`status`, `progress` and `error` are those of the latest version; `pages` and `chunks` those of the version that
    answers, which is an earlier one while (`replacing`) the latest is being indexed, or when it has failed."""

    knowledge_base = serializers.UUIDField(source="knowledge_base_id")
    secrecy = SecrecyField()
    version = serializers.IntegerField(source="latest_number")
    live_version = serializers.SerializerMethodField()
    answerable = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    format = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField()
    pages = serializers.SerializerMethodField()
    chunks = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields: tuple[str, ...] = (
            "id",
            "knowledge_base",
            "filename",
            "title",
            "status",
            "progress",
            "error",
            "version",
            "live_version",
            "answerable",
            "format",
            "size",
            "pages",
            "chunks",
            "secrecy",
            "metadata",
            "created_at",
            "updated_at",
        )

    def _latest(self, document: Document) -> Version:
        shown: list[Version] = document.shown_versions  # type: ignore[attr-defined]
        return shown[0]

    def _live(self, document: Document) -> Version | None:
        shown: list[Version] = document.shown_versions  # type: ignore[attr-defined]
        return next((version for version in shown if version.pk == document.live_version), None)

    def get_live_version(self, document: Document) -> int | None:
        live = self._live(document)
        return live.number if live else None

    def get_answerable(self, document: Document) -> bool:
        return document.live_version is not None

    @extend_schema_field({"type": "string", "enum": DocumentStatus.values})
    def get_status(self, document: Document) -> str:
        return self._latest(document).status

    def get_progress(self, document: Document) -> float:
        latest = self._latest(document)
        return version_progress(latest, latest.newest_jobs)  # type: ignore[attr-defined]

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, document: Document) -> dict[str, str] | None:
        return error_of(self._latest(document))

    def get_format(self, document: Document) -> str:
        return self._latest(document).format

    def get_size(self, document: Document) -> int:
        return self._latest(document).blob.size

    def get_pages(self, document: Document) -> int | None:
        return (self._live(document) or self._latest(document)).pages

    def get_chunks(self, document: Document) -> int:
        return (self._live(document) or self._latest(document)).chunks


class DocumentDetailSerializer(DocumentSerializer):
    versions = serializers.SerializerMethodField()

    class Meta(DocumentSerializer.Meta):
        fields = (*DocumentSerializer.Meta.fields, "versions")

    @extend_schema_field(VersionSerializer(many=True))
    def get_versions(self, document: Document) -> Any:
        context = {**self.context, "live_version": document.live_version}
        return VersionSerializer(document.shown_versions, many=True, context=context).data  # type: ignore[attr-defined]


class MetadataField(serializers.JSONField):
    """A JSON object of the caller's own, at most 16 KiB; in a form, as text."""

    default_error_messages = {"size": _("At most 16 KiB.")}

    def to_internal_value(self, data: Any) -> Any:
        if len(str(data).encode(errors="replace")) > MOST_BYTES:
            self.fail("size")
        try:
            value = super().to_internal_value(data)
        except RecursionError:
            self.fail("invalid")
        if fault := metadata_fault(value=value):
            raise serializers.ValidationError(fault, code="invalid")
        return value


class UploadForm(serializers.Serializer[Document]):
    file = serializers.FileField(allow_empty_file=True, max_length=None)
    secrecy = SecrecyField(required=False)
    metadata = MetadataField(required=False)


class DocumentUpdate(serializers.Serializer[Document]):
    secrecy = SecrecyField(required=False)
    metadata = MetadataField(required=False)


class ReceivedSerializer(serializers.Serializer[Any]):
    """The answer to an upload. `job` is null when there is nothing to do: the content is there already."""

    id = serializers.UUIDField(source="document.pk")
    version = serializers.IntegerField(source="version.number")
    status = serializers.CharField(source="version.status")
    job = serializers.SerializerMethodField()
    filename = serializers.CharField(source="document.filename")
    secrecy = SecrecyField(source="document.secrecy")
    metadata = serializers.JSONField(source="document.metadata")

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_job(self, received: Any) -> str | None:
        return str(received.job.pk) if received.job else None


class PassageSerializer(serializers.ModelSerializer[Passage]):
    chunk_id = serializers.IntegerField(source="pk")

    class Meta:
        model = Passage
        fields: tuple[str, ...] = ("chunk_id", "text", "section", "page", "page_end")


class PageSerializer(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    version = serializers.IntegerField()
    passages = PassageSerializer(many=True)


class OrderedPassageSerializer(PassageSerializer):
    class Meta(PassageSerializer.Meta):
        fields = ("chunk_id", "ordinal", "text", "page", "page_end", "section")


class PassagesSerializer(serializers.Serializer[Any]):
    """`previous` and `next` are null at the ends of the version."""

    version = serializers.IntegerField()
    results = OrderedPassageSerializer(many=True)
    previous = serializers.URLField(allow_null=True)
    next = serializers.URLField(allow_null=True)


class ReindexSerializer(serializers.Serializer[Any]):
    jobs = serializers.IntegerField()
    knowledge_base = KnowledgeBaseSerializer()
