"""Conversations, their messages, the passages that answers cite, and what the askers thought of them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.core.models import TenantModel


class Conversation(TenantModel):
    """Belongs to the one who asked (`actor`: `user:<id>` or `key:<id>`), who alone changes it. `user` is what the client
    of a shared key says of whom it asks for, OpenAI's field of that name.

    `department` is the assistant's when the conversation began; its managers may read along. `searched` is what it is
    found by: the title that it was given, then a line for each question, as `chat.selectors.searchable` spells them. (Row-level
    security lets no index of words help a search, and to look through a million messages takes seconds.)
    """

    actor = models.CharField(max_length=64)
    user = models.CharField(max_length=200, blank=True, db_default="")
    assistant = models.ForeignKey(
        "assistants.Assistant", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    department = models.ForeignKey(
        "tenants.Department",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    title = models.CharField(max_length=200, blank=True)
    searched = models.TextField(blank=True, db_default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="chat_conversation_tenant_id")]
        indexes = [
            models.Index(fields=["tenant", "actor", "-updated_at"], name="chat_conversation_list"),
            models.Index(fields=["tenant", "actor", "-id"], name="chat_conversation_of_actor"),
            models.Index(fields=["tenant", "department", "-id"], name="chat_conversation_reviewed"),
            models.Index(fields=["tenant", "-id"], name="chat_conversation_newest"),
        ]


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
    """A question or an answer. An answer that another one took the place of is kept and shown to nobody (`superseded_at`).

    `shown_documents`: whose passages the model was given, whether it cited them or not; None of an answer from before this
    was noted. `searched_bases`: the knowledge bases that it was sought in, which a refusal names; None likewise.
    """

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
    # Who was asked, where another model stood in.
    overflow_from = models.CharField(max_length=100, blank=True, default="", db_default="")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(null=True)
    reasoning_ms = models.PositiveIntegerField(null=True)
    superseded_at = models.DateTimeField(null=True)
    shown_documents = ArrayField(models.UUIDField(), null=True)
    searched_bases = ArrayField(models.UUIDField(), null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="chat_message_tenant_id")]
        indexes = [
            models.Index(fields=["tenant", "conversation", "id"], name="chat_message_order"),
            # Questions that were not answered are few, and what reviewers look for.
            models.Index(
                fields=["tenant", "status", "conversation"],
                name="chat_message_unanswered",
                condition=models.Q(role="question") & ~models.Q(status="answered"),
            ),
        ]


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


class Rating(models.TextChoices):
    UP = "up", _("helpful")
    DOWN = "down", _("not helpful")


class FeedbackReason(models.TextChoices):
    WRONG = "wrong", _("wrong")
    INCOMPLETE = "incomplete", _("incomplete")
    WRONG_SOURCE = "wrong_source", _("wrong source")
    OUTDATED = "outdated", _("outdated")
    UNCLEAR = "unclear", _("unclear")
    REFUSED = "refused", _("refused although the documents hold it")
    OTHER = "other", _("something else")


class Feedback(TenantModel):
    """What the asker thinks of an answer. `department` is the conversation's."""

    message = models.ForeignKey(
        Message, on_delete=models.DO_NOTHING, db_constraint=False, related_name="feedback", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    department = models.ForeignKey(
        "tenants.Department",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    actor = models.CharField(max_length=64)
    rating = models.CharField(max_length=8, choices=Rating.choices)
    reasons = ArrayField(models.CharField(max_length=16, choices=FeedbackReason.choices), default=list)
    comment = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="chat_feedback_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "message", "actor"], name="chat_feedback_once"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="chat_feedback_newest"),
            models.Index(fields=["tenant", "department", "-id"], name="chat_feedback_reviewed"),
        ]


class FeedbackStatus(models.TextChoices):
    OPEN = "open", _("still open")
    RESOLVED = "resolved", _("resolved")


class FeedbackResolution(TenantModel):
    """What the managers made of a feedback. A row of its own: the feedback itself is the asker's alone to change.

    It speaks of the feedback as it was at `decided_at`: one that its asker changes later is open again.
    """

    feedback = models.ForeignKey(
        Feedback, on_delete=models.DO_NOTHING, db_constraint=False, related_name="resolutions", db_index=False
    )
    department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    status = models.CharField(max_length=16, choices=FeedbackStatus.choices)
    note = models.TextField(blank=True)
    decided_by = models.CharField(max_length=64)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "feedback"], name="chat_resolution_once"),
        ]
