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
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="assistants_assistant_tenant_id"),
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
