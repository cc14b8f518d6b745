"""Conversations, their messages, and the passages that answers cite."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.core.models import TenantModel


class Conversation(TenantModel):
    """Belongs to the one who asked (`actor`: `user:<id>` or `key:<id>`), and only that one sees it. `user` is what the client
    of a shared key says of whom it asks for, OpenAI's field of that name."""

    actor = models.CharField(max_length=64)
    user = models.CharField(max_length=200, blank=True, db_default="")
    assistant = models.ForeignKey(
        "assistants.Assistant", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    title = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="chat_conversation_tenant_id")]
        indexes = [models.Index(fields=["tenant", "actor", "-updated_at"], name="chat_conversation_list")]


class MessageRole(models.TextChoices):
    QUESTION = "question", _("question")
    ANSWER = "answer", _("answer")


class MessageStatus(models.TextChoices):
    """A question is `received` before the engine is asked, so that it outlives a failure of the engine."""

    RECEIVED = "received", _("received")
    ANSWERED = "answered", _("answered")
    REFUSED = "refused", _("refused")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class Message(TenantModel):
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="messages",
        db_index=False,
    )
    role = models.CharField(max_length=16, choices=MessageRole.choices)
    status = models.CharField(max_length=16, choices=MessageStatus.choices)
    content = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    standalone_question = models.TextField(blank=True)
    reason = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=100, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="chat_message_tenant_id")]
        indexes = [models.Index(fields=["tenant", "conversation", "id"], name="chat_message_order")]


class Citation(TenantModel):
    """Where an answer's mark `[index]` leads. The quote itself stays in the passage, and goes when the document goes."""

    message = models.ForeignKey(
        Message, on_delete=models.DO_NOTHING, db_constraint=False, related_name="citations", db_index=False
    )
    index = models.PositiveSmallIntegerField()
    document_id = models.UUIDField()
    passage_id = models.BigIntegerField()
    title = models.CharField(max_length=300)
    page = models.PositiveIntegerField(null=True)
    section = models.TextField(blank=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "message"], name="chat_citation_message")]
