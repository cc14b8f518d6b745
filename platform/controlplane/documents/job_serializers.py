"""Shapes of jobs on the wire: how far they have come, and why they failed or wait."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.documents.failures import Failure, failure
from controlplane.documents.models import IndexJob, JobStage, JobStatus, Version

# Reading takes about this part of the whole time, embedding the rest.
_PARSING_SHARE = 0.2


class FailureSerializer(serializers.Serializer[Failure]):
    code = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField()


def error_of(row: Version | IndexJob) -> dict[str, str] | None:
    """The failure of a version or job, told in the active language."""
    return _told(row) if row.status == "failed" else None


def _told(row: Version | IndexJob) -> dict[str, str] | None:
    if not row.error_code:
        return None
    told = failure(code=row.error_code, params=row.error_params)
    return {"code": told.code, "message": told.message, "remedy": told.remedy}


def waiting_for(job: IndexJob) -> dict[str, str] | None:
    """Why a queued job waits before its next attempt, told in the active language."""
    return _told(job) if job.status == JobStatus.QUEUED else None


def job_progress(job: IndexJob) -> float:
    """How far the job has come, from 0 to 1."""
    if job.status == JobStatus.DONE:
        return 1.0
    part = min(job.done / job.total, 1.0) if job.total else 0.0
    if job.stage == JobStage.PARSE:
        return round(part * _PARSING_SHARE, 3)
    # Not 1 before it is ready.
    return round(min(_PARSING_SHARE + part * (1 - _PARSING_SHARE), 0.999), 3)


class JobSerializer(serializers.ModelSerializer[IndexJob]):
    document = serializers.UUIDField(source="version.document_id")
    filename = serializers.CharField(source="version.document.filename")
    knowledge_base = serializers.UUIDField(source="version.document.knowledge_base_id")
    version = serializers.IntegerField(source="version.number")
    progress = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    waiting = serializers.SerializerMethodField(help_text="why a queued job waits before it goes on")
    model = serializers.CharField(source="space.model")

    class Meta:
        model = IndexJob
        fields = (
            "id",
            "kind",
            "document",
            "filename",
            "knowledge_base",
            "version",
            "stage",
            "status",
            "cancel_requested",
            "progress",
            "done",
            "total",
            "attempts",
            "error",
            "waiting",
            "model",
            "created_at",
            "updated_at",
            "finished_at",
        )

    def get_progress(self, job: IndexJob) -> float:
        return job_progress(job)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, job: IndexJob) -> dict[str, str] | None:
        return error_of(job)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_waiting(self, job: IndexJob) -> dict[str, str] | None:
        return waiting_for(job)


class RetriedSerializer(serializers.Serializer[Any]):
    jobs = serializers.IntegerField(help_text="how many were queued again")
