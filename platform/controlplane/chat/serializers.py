from datetime import datetime
from typing import Any

from rest_framework import serializers

from controlplane.chat.models import (
    Conversation,
    Feedback,
    FeedbackReason,
    FeedbackResolution,
    FeedbackStatus,
    MessageStatus,
    Rating,
)
from controlplane.chat.selectors import CitationView, MessageView
from controlplane.tenants.models import Department


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    assistant = serializers.CharField(source="assistant.slug", default=None, allow_null=True)

    class Meta:
        model = Conversation
        fields = ("id", "title", "assistant", "created_at", "updated_at")


class ConversationWrite(serializers.Serializer[Any]):
    assistant = serializers.SlugField(max_length=63)


class ConversationChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)


class CitationSerializer(serializers.Serializer[CitationView]):
    """`quote` and `page_end` are null when the passage was deleted or replaced, or may no longer be read by the caller."""

    index = serializers.IntegerField(source="citation.index")
    start = serializers.IntegerField(source="citation.start")
    end = serializers.IntegerField(source="citation.end")
    document_id = serializers.UUIDField(source="citation.document_id")
    chunk_id = serializers.IntegerField(source="citation.passage_id")
    title = serializers.CharField(source="citation.title")
    page = serializers.IntegerField(source="citation.page", allow_null=True)
    page_end = serializers.IntegerField(allow_null=True)
    section = serializers.CharField(source="citation.section")
    quote = serializers.CharField(allow_null=True)


class GivenFeedback(serializers.Serializer[Feedback]):
    rating = serializers.ChoiceField(choices=Rating.values)
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=FeedbackReason.values))
    comment = serializers.CharField()
    updated_at = serializers.DateTimeField()


class MessageSerializer(serializers.Serializer[MessageView]):
    id = serializers.UUIDField(source="message.id")
    role = serializers.ChoiceField(source="message.role", choices=["question", "answer"])
    status = serializers.ChoiceField(
        source="message.status", choices=["received", "answered", "refused", "stopped", "failed"]
    )
    content = serializers.CharField(source="message.content")
    reasoning = serializers.CharField(source="message.reasoning")
    standalone_question = serializers.CharField(source="message.standalone_question")
    reason = serializers.CharField(source="message.reason")
    model = serializers.CharField(source="message.model")
    overflow_from = serializers.CharField(
        source="message.overflow_from", help_text="who was asked, where another model stood in"
    )
    prompt_tokens = serializers.IntegerField(source="message.prompt_tokens")
    completion_tokens = serializers.IntegerField(source="message.completion_tokens")
    first_token_ms = serializers.IntegerField(source="message.first_token_ms", allow_null=True)
    total_ms = serializers.IntegerField(source="message.total_ms", allow_null=True)
    reasoning_ms = serializers.IntegerField(
        source="message.reasoning_ms",
        allow_null=True,
        help_text="how long the model reasoned before it answered",
    )
    created_at = serializers.DateTimeField(source="message.created_at")
    citations = CitationSerializer(many=True)
    feedback = GivenFeedback(allow_null=True)


class FeedbackWrite(serializers.Serializer[Any]):
    rating = serializers.ChoiceField(choices=Rating.choices)
    reasons = serializers.ListField(
        child=serializers.ChoiceField(choices=FeedbackReason.choices),
        max_length=len(FeedbackReason.values),
        required=False,
        default=list,
    )
    comment = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class FeedbackDecision(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=FeedbackStatus.choices)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class FeedbackFilters(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=FeedbackStatus.choices, required=False, default="")
    rating = serializers.ChoiceField(choices=Rating.choices, required=False, default="")


class FeedbackSerializer(serializers.ModelSerializer[Feedback]):
    """As managers see it. The answer itself is in the conversation (`/reviews/conversations/{id}`)."""

    answer_id = serializers.UUIDField(source="message_id")
    conversation_id = serializers.UUIDField()
    assistant = serializers.CharField(source="conversation.assistant.slug", default=None, allow_null=True)
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    question = serializers.CharField(allow_null=True)
    status = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()
    decided_by = serializers.SerializerMethodField()
    decided_at = serializers.SerializerMethodField()

    class Meta:
        model = Feedback
        fields = (
            "id",
            "answer_id",
            "conversation_id",
            "assistant",
            "department",
            "actor",
            "question",
            "rating",
            "reasons",
            "comment",
            "status",
            "note",
            "decided_by",
            "decided_at",
            "created_at",
            "updated_at",
        )

    def get_status(self, feedback: Feedback) -> str:
        resolved = feedback.resolved  # type: ignore[attr-defined]  # annotated by the selector
        return FeedbackStatus.RESOLVED if resolved else FeedbackStatus.OPEN

    def get_note(self, feedback: Feedback) -> str:
        decision = _decision(feedback)
        return decision.note if decision else ""

    def get_decided_by(self, feedback: Feedback) -> str | None:
        decision = _decision(feedback)
        return decision.decided_by if decision else None

    def get_decided_at(self, feedback: Feedback) -> datetime | None:
        decision = _decision(feedback)
        return decision.decided_at if decision else None


def _decision(feedback: Feedback) -> FeedbackResolution | None:
    return next(iter(feedback.resolutions.all()), None)


class ReviewedConversationSerializer(ConversationSerializer):
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    status = serializers.CharField(source="last_status", default=None, allow_null=True)

    class Meta(ConversationSerializer.Meta):
        fields = (*ConversationSerializer.Meta.fields, "department", "actor", "user", "status")  # type: ignore[assignment]


class ReviewedMessageSerializer(MessageSerializer):
    withheld = serializers.BooleanField(
        help_text="the answer rests on a document that the reviewer may not read: its text is left out"
    )


class ReviewedDetailSerializer(ReviewedConversationSerializer):
    messages = ReviewedMessageSerializer(many=True)

    class Meta(ReviewedConversationSerializer.Meta):
        fields = (*ReviewedConversationSerializer.Meta.fields, "messages")  # type: ignore[assignment]


class ReviewFilterSerializer(serializers.Serializer[Any]):
    """`since` and `until` are days, both included."""

    assistant = serializers.SlugField(max_length=63, required=False, default="")
    actor = serializers.CharField(max_length=64, required=False, default="")
    status = serializers.ChoiceField(choices=MessageStatus.choices, required=False, default="")
    since = serializers.DateField(required=False, default=None)
    until = serializers.DateField(required=False, default=None)
    q = serializers.CharField(required=False, default="", allow_blank=True)


class ConversationDetailSerializer(ConversationSerializer):
    messages = MessageSerializer(many=True, source="message_views")

    class Meta(ConversationSerializer.Meta):
        fields = (*ConversationSerializer.Meta.fields, "messages")  # type: ignore[assignment]
