"""REST of conversations. Asking itself is /v1/chat/completions."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.chat import serializers as shapes
from controlplane.chat.selectors import conversation_get, conversation_list, message_views
from controlplane.chat.services import conversation_delete, conversation_rename
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required


class Conversations(PrincipalView):
    permission_classes = (scope_required(KeyScope.CHAT),)
    serializer_class = shapes.ConversationSerializer

    @extend_schema(responses=shapes.ConversationSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed(conversation_list(principal=self.principal), shapes.ConversationSerializer)


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
