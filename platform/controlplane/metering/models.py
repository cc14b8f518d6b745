"""The roll-up of questions and answers by the hour, and how far it has come."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from controlplane.core.models import TenantModel


class HourlyUsage(TenantModel):
    """One hour of one department, assistant and model. The histograms have the buckets of `metering.histogram`.

    `assistant_id` is no foreign key: what was asked of an assistant stays counted when the assistant goes.
    """

    hour = models.DateTimeField()
    department = models.ForeignKey(
        "tenants.Department",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    assistant_id = models.UUIDField(null=True)
    model = models.CharField(max_length=100, blank=True)
    questions = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    cited = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    stopped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    thumbs_up = models.PositiveIntegerField(default=0)
    thumbs_down = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    refused_by_reason = models.JSONField(default=dict)
    first_token = ArrayField(models.PositiveIntegerField())
    total = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "hour", "department", "assistant_id", "model"],
                name="metering_usage_once",
                nulls_distinct=False,
            )
        ]


class UsageProgress(TenantModel):
    """Hours before `rolled_until` are counted in `HourlyUsage`; later ones are read from the messages themselves.
    `looked_at`: until when changes of older hours have been taken in."""

    rolled_until = models.DateTimeField()
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="metering_progress_once")]


class LedgerEntry(TenantModel):
    """One request of the data plane, given or not; `id` is the request's. Written once (`metering.ledger`), never changed.

    `department_id` is no foreign key: an entry may be written after its department is gone. `created_at` is when it was
    written. Times are milliseconds since the admission. `cost` is that of the prices at the admission, by `price_rule`; None
    where there was no price.
    """

    department_id = models.UUIDField()
    actor = models.CharField(max_length=64)
    end_user = models.CharField(max_length=200, blank=True)
    call = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    deployment = models.CharField(max_length=200, blank=True)
    # What was chosen for a request that left it to the platform (`auto`), and why (`inference.router.question`); or who was
    # asked, where another one stood in.
    route = models.CharField(max_length=200, blank=True)
    route_reason = models.CharField(max_length=32, blank=True)
    is_streamed = models.BooleanField()
    outcome = models.CharField(max_length=16)
    code = models.CharField(max_length=64, blank=True)
    prompt_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField()
    completion_tokens = models.PositiveIntegerField()
    reasoning_tokens = models.PositiveIntegerField()
    is_estimated = models.BooleanField()
    queue_ms = models.PositiveIntegerField()
    first_token_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(null=True)
    # Twelve decimals: prices have six, for a million tokens.
    cost = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    currency = models.CharField(max_length=3, blank=True, default="", db_default="")
    price_rule = models.CharField(max_length=250, blank=True, default="", db_default="")
    admitted_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-id"], name="metering_ledger_newest"),
            models.Index(fields=["tenant", "department_id", "-id"], name="metering_ledger_department"),
            # For what is rare: without them the whole ledger is read for a page of it.
            models.Index(fields=["tenant", "actor", "-id"], name="metering_ledger_actor"),
            models.Index(fields=["tenant", "model", "-id"], name="metering_ledger_model"),
            models.Index(fields=["tenant", "deployment", "-id"], name="metering_ledger_deployment"),
            models.Index(fields=["tenant", "outcome", "-id"], name="metering_ledger_outcome"),
        ]


class UsageLimit(TenantModel):
    """What a tenant, or a department of it, may use of the engines. `department` is None for the tenant as a whole.

    None is no limit. `weight` (1 to 100) divides saturated engines: over tenants, and within one over its departments.
    """

    department = models.ForeignKey(
        "tenants.Department",
        null=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    requests_per_minute = models.PositiveIntegerField(null=True)
    tokens_per_minute = models.PositiveIntegerField(null=True)
    concurrency = models.PositiveIntegerField(null=True)
    weight = models.PositiveSmallIntegerField(default=10)
    batch_allowed = models.BooleanField(default=True)
    # None: of a department, as the tenant says; of a tenant, no.
    overflow_allowed = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "department"], name="metering_limit_once", nulls_distinct=False
            )
        ]
