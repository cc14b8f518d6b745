"""Knowledge bases, documents and their versions, the jobs that index them, and the passages that answers cite.

The index proper (vectors and postings) is not modelled here: `rag.index` owns those tables and speaks SQL to them.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.core.models import TenantModel
from controlplane.core.secrecy import Secrecy


class EmbeddingSpace(TenantModel):
    """What made the vectors of an index: vectors of two spaces are never compared.

    A knowledge base is searched in its active space; changing the model makes a new space and a re-index job that fills it.
    """

    model = models.CharField(max_length=100)
    version = models.CharField(max_length=64)
    dimension = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_space_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "model", "version"], name="documents_space_once"),
        ]


class KnowledgeBase(TenantModel):
    """A department's; or, with an `owner` (an actor such as `user:<id>`), the files that this one attached to a
    conversation, which nobody else sees and no list of knowledge bases shows."""

    name = models.CharField(max_length=200)
    department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    secrecy = models.SmallIntegerField(choices=Secrecy.choices, default=Secrecy.INTERNAL)
    space = models.ForeignKey(
        EmbeddingSpace, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    # Set while a re-index fills it; questions are answered from `space` until it is complete.
    next_space = models.ForeignKey(
        EmbeddingSpace, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    owner = models.CharField(max_length=64, blank=True, default="", db_default="")
    conversation = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_kb_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "conversation"], name="documents_kb_conversation"),
            models.UniqueConstraint(fields=["tenant", "department", "name"], name="documents_kb_name"),
        ]


class Blob(TenantModel):
    """Bytes in the document store, once per tenant and content, however many documents hold them."""

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    path = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_blob_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "sha256"], name="documents_blob_once"),
        ]


class DocumentStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    PARSING = "parsing", _("parsing")
    EMBEDDING = "embedding", _("embedding")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Document(TenantModel):
    """A document of a knowledge base, known there by its file name.

    `department`, `secrecy` and `owner` are what the access policy reads: the base's department and owner, and the higher
    secrecy of the base and the document (`own_secrecy`, if it was given one). Answers see the passages of `live_version`
    only; switching it is what replaces a version atomically.
    """

    knowledge_base = models.ForeignKey(
        KnowledgeBase, on_delete=models.DO_NOTHING, db_constraint=False, related_name="documents"
    )
    department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    secrecy = models.SmallIntegerField(choices=Secrecy.choices)
    own_secrecy = models.SmallIntegerField(choices=Secrecy.choices, null=True)
    owner = models.CharField(max_length=64, blank=True, default="", db_default="")
    filename = models.CharField(max_length=255)
    title = models.CharField(max_length=300)
    metadata = models.JSONField(default=dict)
    live_version = models.UUIDField(null=True)
    latest_number = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_document_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "knowledge_base", "filename"], name="documents_document_name"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "knowledge_base", "-id"], name="documents_document_list"),
            models.Index(
                fields=["tenant", "knowledge_base", "-updated_at"], name="documents_document_changed"
            ),
            # Counting needs nothing but what the access policy reads, and so no row.
            models.Index(
                fields=["tenant", "knowledge_base", "owner", "department", "secrecy"],
                name="documents_document_counts",
            ),
        ]


class NameTerm(models.Model):
    """A term of a document's file name, by which it is found: see `file_names`.

    A table of its own because of row-level security: an operator that finds a part of a text is not leakproof, so no index
    serves it; comparisons are, and a look-up here is one.
    """

    pk = models.CompositePrimaryKey("tenant_id", "term", "document_id")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    term = models.CharField(max_length=32, db_collation="C")
    document = models.ForeignKey(
        Document, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )

    class Meta:
        indexes = [models.Index(fields=["tenant", "document"], name="documents_nameterm_document")]


class Version(TenantModel):
    """One upload of a document, and how far its indexing has come."""

    document = models.ForeignKey(
        Document, on_delete=models.DO_NOTHING, db_constraint=False, related_name="versions"
    )
    number = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.DO_NOTHING, db_constraint=False, related_name="versions")
    format = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=DocumentStatus.choices, default=DocumentStatus.QUEUED)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)
    pages = models.PositiveIntegerField(null=True)
    chunks = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=300, blank=True)
    warnings = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_version_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "document", "number"], name="documents_version_number"),
        ]
        indexes = [
            # The few that are not ready: those that a list of failures or an overview asks for.
            models.Index(
                fields=["tenant", "status", "-id"],
                name="documents_version_not_ready",
                condition=~models.Q(status="ready"),
            ),
        ]


class JobStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class JobStage(models.TextChoices):
    PARSE = "parse", _("parsing")
    EMBED = "embed", _("embedding")


class JobKind(models.TextChoices):
    INDEX = "index", _("indexing")
    REINDEX = "reindex", _("indexing with another model")


class IndexJob(TenantModel):
    """The indexing of one version in one embedding space.

    A queued job is not taken before `lease_until`, if that is set: this is how it waits for a service that is down, with
    `error_code` as the reason and `waits` counting how often it did so in a row. Such a wait is no attempt: `attempts` are
    those that a worker began and did not live to end. A worker holds the
    job by `lease` (a random token) until `lease_until`, which it keeps moving; a worker that dies lets it run out, and the
    sweep queues the job again. Every write of a worker checks that it still holds the lease, so two workers can never both
    write.
    """

    version = models.ForeignKey(
        Version, on_delete=models.DO_NOTHING, db_constraint=False, related_name="jobs"
    )
    space = models.ForeignKey(
        EmbeddingSpace, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=JobKind.choices, default=JobKind.INDEX)
    stage = models.CharField(max_length=8, choices=JobStage.choices, default=JobStage.PARSE)
    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveIntegerField(default=0, db_default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_params = models.JSONField(default=dict)
    cancel_requested = models.BooleanField(default=False)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant", "updated_at"],
                name="documents_job_open",
                condition=models.Q(status__in=["queued", "running"]),
            ),
            models.Index(fields=["tenant", "version"], name="documents_job_version"),
            models.Index(fields=["tenant", "-id"], name="documents_job_newest"),
            models.Index(
                fields=["tenant", "finished_at"],
                name="documents_job_failed",
                condition=models.Q(status="failed"),
            ),
        ]


class Passage(models.Model):
    """A piece of a version's text, the unit that is found and cited."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    document = models.ForeignKey(
        Document, on_delete=models.DO_NOTHING, db_constraint=False, related_name="passages", db_index=False
    )
    version = models.ForeignKey(
        Version, on_delete=models.DO_NOTHING, db_constraint=False, related_name="passages", db_index=False
    )
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    page = models.PositiveIntegerField(null=True)
    page_end = models.PositiveIntegerField(null=True)
    section = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="documents_passage_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "version", "ordinal"], name="documents_passage_ordinal"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "document"], name="documents_passage_document")]
