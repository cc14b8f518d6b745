"""Models that administrators register, the replicas that serve them, what was last seen of every replica, and prices.

They belong to no tenant: the platform reads and writes them, in `platform_scope`.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.core.models import new_id

LONGEST_NAME = 100
LONGEST_URL = 500
LONGEST_MODEL = 200
LONGEST_WORDS = 300


class ModelKind(models.TextChoices):
    CHAT = "chat", _("chat")
    EMBEDDING = "embedding", _("embedding")
    RERANK = "rerank", _("reranking")


class PromptSize(models.TextChoices):
    SMALL = "small"
    STANDARD = "standard"


class WantedState(models.TextChoices):
    """What administrators want of a replica. One that drains finishes what it has; one that is off is not asked at all."""

    SERVING = "serving", _("serving")
    DRAINING = "draining", _("draining")
    OFF = "off", _("off")


class ReplicaState(models.TextChoices):
    STARTING = "starting", _("starting")
    READY = "ready", _("ready")
    SATURATED = "saturated", _("saturated")
    DRAINING = "draining", _("draining")
    FAILED = "failed", _("failed")


class ModelDeployment(models.Model):
    """A model under the name that callers say. KAREZ_ENGINES may name replicas of it too."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    kind = models.CharField(max_length=16, choices=ModelKind.choices, default=ModelKind.CHAT)
    routes = ArrayField(models.CharField(max_length=LONGEST_NAME), default=list, blank=True)
    # The deployment or route that stands in while this one is full or away, for organisations that allow it.
    overflow_to = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    description = models.CharField(max_length=500, blank=True, default="")
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    profile = models.CharField(max_length=16, choices=PromptSize.choices, default=PromptSize.STANDARD)
    # None: by the model's name.
    preopened_reasoning = models.BooleanField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Replica(models.Model):
    """One server of a deployment. `model` is what the server calls it; `sealed_key` its key, sealed by `core.sealing`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    deployment = models.ForeignKey(ModelDeployment, on_delete=models.CASCADE, related_name="replicas")
    base_url = models.CharField(max_length=LONGEST_URL)
    model = models.CharField(max_length=LONGEST_MODEL)
    sealed_key = models.TextField(blank=True, default="")
    # The most requests it works on at once; None where nobody has said.
    capacity = models.PositiveIntegerField(null=True, blank=True)
    wanted = models.CharField(max_length=16, choices=WantedState.choices, default=WantedState.SERVING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base_url", "model"], name="serving_replica_server_model")
        ]

    def __str__(self) -> str:
        return f"{self.model} @ {self.base_url}"


class ReplicaHealth(models.Model):
    """What the watch last saw of a replica, those of KAREZ_ENGINES included: `key` is `inference.fleet.replica_key`."""

    key = models.CharField(primary_key=True, max_length=32, editable=False)
    base_url = models.CharField(max_length=LONGEST_URL)
    model = models.CharField(max_length=LONGEST_MODEL)
    state = models.CharField(max_length=16, choices=ReplicaState.choices)
    reason_code = models.CharField(max_length=32, blank=True, default="")
    reason_words = models.CharField(max_length=LONGEST_WORDS, blank=True, default="")
    since = models.DateTimeField()
    probed_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    running = models.PositiveIntegerField(null=True, blank=True)
    waiting = models.PositiveIntegerField(null=True, blank=True)
    kv_usage = models.FloatField(null=True, blank=True)
    prefix_hit_rate = models.FloatField(null=True, blank=True)
    # Requests that have not ended, over all processes of the platform; None while nobody counts.
    in_flight = models.PositiveIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.model} @ {self.base_url}: {self.state}"


class PriceBook(models.Model):
    """One version of a price book, for all organisations. Written once, never changed: what a request cost stays explained.

    `book` is the id in its file, `content` the file. It counts from `created_at`, and from `valid_from` until before
    `valid_until`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=64)
    book = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    content = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "version"], name="serving_price_book_version")]

    def __str__(self) -> str:
        return f"{self.book}@{self.version}"
