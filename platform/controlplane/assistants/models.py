"""Department assistants: which knowledge they answer from, how, and on which model route."""

from django.db import models

from controlplane.core.models import TenantModel


class Assistant(TenantModel):
    """Asked as the model `assistant:<slug>`. Its answers never show an asker more than the asker's own access does."""

    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    instructions = models.TextField(blank=True)
    route = models.CharField(max_length=100, default="chat")
    top_k = models.PositiveSmallIntegerField(default=6)
    greeting = models.TextField(blank=True)
    opening_questions = models.JSONField(default=list)
    # Switched off it answers nobody, and only its managers see it.
    enabled = models.BooleanField(default=True, db_default=True)
    # The number of the newest AssistantVersion.
    version = models.PositiveIntegerField(default=1, db_default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="assistants_assistant_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "id", "department"], name="assistants_assistant_owner"),
            models.UniqueConstraint(fields=["tenant", "slug"], name="assistants_assistant_slug"),
        ]

    def __str__(self) -> str:
        return self.slug


class AssistantKnowledge(TenantModel):
    """A knowledge base that an assistant answers from."""

    assistant = models.ForeignKey(
        Assistant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="knowledge"
    )
    knowledge_base = models.ForeignKey(
        "documents.KnowledgeBase", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "assistant", "knowledge_base"], name="assistants_knowledge_once"
            )
        ]


class AssistantVersion(TenantModel):
    """What an assistant was at one time: written once, never changed. `content` has the fields of
    `assistants.content.AssistantContent` and the identifiers of the knowledge bases."""

    assistant = models.ForeignKey(
        Assistant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="versions", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.JSONField()
    actor = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True, default="")
    restored_from = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "assistant", "number"], name="assistants_version_number"
            )
        ]


class AssistantAccess(TenantModel):
    """Somebody else who may ask an assistant: a department with everything beneath it, or one person; a row has one of them.

    `owning_department` is the assistant's, held equal by a foreign key: by it the database decides who may grant, without
    asking the assistant's own policy, which asks this table.
    """

    assistant = models.ForeignKey(
        Assistant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="access", db_index=False
    )
    owning_department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    department = models.ForeignKey(
        "tenants.Department", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    user = models.ForeignKey("identity.User", null=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "assistant", "department", "user"],
                name="assistants_access_once",
                nulls_distinct=False,
            ),
        ]
