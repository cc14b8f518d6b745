"""REST of conversations. Asking itself is /v1/chat/completions."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.chat import serializers as shapes
from controlplane.chat.selectors import conversation_get, conversation_list, message_views
from controlplane.chat.services.conversations import (
    conversation_create,
    conversation_delete,
    conversation_rename,
)
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required


class Conversations(PrincipalView):
    permission_classes = (scope_required(KeyScope.CHAT),)
    serializer_class = shapes.ConversationSerializer

    @extend_schema(
        responses=shapes.ConversationSerializer(many=True),
        parameters=[OpenApiParameter("q", description="text in the title or in a question")],
    )
    def get(self, request: Request) -> Response:
        conversations = conversation_list(principal=self.principal, q=request.query_params.get("q", ""))
        return self.listed(conversations, shapes.ConversationSerializer)

    @extend_schema(request=shapes.ConversationWrite, responses={201: shapes.ConversationDetailSerializer})
    def post(self, request: Request) -> Response:
        """An empty one; a question that names it as `karez.conversation_id` begins it."""
        data = self.checked(shapes.ConversationWrite)
        conversation = conversation_create(principal=self.principal, assistant_slug=data["assistant"])
        body = shapes.ConversationSerializer(conversation).data
        return Response({**body, "messages": []}, status=201)


class ConversationDetail(PrincipalView):
    permission_classes = (scope_required(KeyScope.CHAT),)
    serializer_class = shapes.ConversationDetailSerializer

    @extend_schema(responses=shapes.ConversationDetailSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        conversation = conversation_get(principal=self.principal, conversation_id=conversation_id)
        messages = message_views(conversation=conversation)
        body = shapes.ConversationSerializer(conversation).data
        shown = shapes.MessageSerializer(messages, many=True)  # type: ignore[arg-type]  # the stubs know no many=True
        return Response({**body, "messages": shown.data})

    @extend_schema(request=shapes.ConversationChange, responses=shapes.ConversationSerializer)
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        change = self.checked(shapes.ConversationChange)
        conversation = conversation_rename(
            principal=self.principal,
            conversation=conversation_get(principal=self.principal, conversation_id=conversation_id),
            title=change["title"],
        )
        return Response(shapes.ConversationSerializer(conversation).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        conversation_delete(
            principal=self.principal,
            conversation=conversation_get(principal=self.principal, conversation_id=conversation_id),
        )
        return Response(status=204)
