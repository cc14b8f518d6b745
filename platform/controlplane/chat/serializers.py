from typing import Any

from rest_framework import serializers

from controlplane.chat.models import Conversation
from controlplane.chat.selectors import CitationView, MessageView


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    assistant = serializers.CharField(source="assistant.slug", default=None, allow_null=True)

    class Meta:
        model = Conversation
        fields = ("id", "title", "assistant", "created_at", "updated_at")


class ConversationChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)


class CitationSerializer(serializers.Serializer[CitationView]):
    """`quote` is null when the passage was deleted or replaced, or may no longer be read by the caller."""

    index = serializers.IntegerField(source="citation.index")
    start = serializers.IntegerField(source="citation.start")
    end = serializers.IntegerField(source="citation.end")
    document_id = serializers.UUIDField(source="citation.document_id")
    chunk_id = serializers.IntegerField(source="citation.passage_id")
    title = serializers.CharField(source="citation.title")
    page = serializers.IntegerField(source="citation.page", allow_null=True)
    section = serializers.CharField(source="citation.section")
    quote = serializers.CharField(allow_null=True)


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
    prompt_tokens = serializers.IntegerField(source="message.prompt_tokens")
    completion_tokens = serializers.IntegerField(source="message.completion_tokens")
    first_token_ms = serializers.IntegerField(source="message.first_token_ms", allow_null=True)
    total_ms = serializers.IntegerField(source="message.total_ms", allow_null=True)
    created_at = serializers.DateTimeField(source="message.created_at")
    citations = CitationSerializer(many=True)


class ConversationDetailSerializer(ConversationSerializer):
    messages = MessageSerializer(many=True, source="message_views")

    class Meta(ConversationSerializer.Meta):
        fields = (*ConversationSerializer.Meta.fields, "messages")  # type: ignore[assignment]
