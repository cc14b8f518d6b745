"""REST of the files of a conversation."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.chat.files import file_attach, file_detach, file_list
from controlplane.chat.selectors import conversation_get
from controlplane.documents.serializers import DocumentSerializer, ReceivedSerializer
from controlplane.documents.services.documents import Upload
from controlplane.documents.uploads import check_length
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required


class FileForm(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, max_length=None)


class ConversationFiles(PrincipalView):
    permission_classes = (scope_required(KeyScope.CHAT),)
    parser_classes = (MultiPartParser,)
    serializer_class = DocumentSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "POST":
            length = int(request.META.get("CONTENT_LENGTH") or 0)
            check_length(length, settings.ENV.conversation_file_bytes)
        super().initial(request, *args, **kwargs)

    @extend_schema(responses=DocumentSerializer(many=True))
    def get(self, request: Request, conversation_id: UUID) -> Response:
        conversation = conversation_get(principal=self.principal, conversation_id=conversation_id)
        return self.listed(file_list(conversation=conversation), DocumentSerializer)

    @extend_schema(
        request={"multipart/form-data": FileForm},
        responses={
            202: ReceivedSerializer,
            200: OpenApiResponse(ReceivedSerializer, "The content is there already."),
        },
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        conversation = conversation_get(principal=self.principal, conversation_id=conversation_id)
        file = self.checked(FileForm)["file"]
        received = file_attach(
            principal=self.principal,
            conversation=conversation,
            upload=Upload(filename=file.name or "", file=file, size=file.size or 0, sha256=file.sha256),
        )
        return Response(ReceivedSerializer(received).data, status=202 if received.job else 200)


class ConversationFile(PrincipalView):
    permission_classes = (scope_required(KeyScope.CHAT),)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, conversation_id: UUID, document_id: UUID) -> Response:
        conversation = conversation_get(principal=self.principal, conversation_id=conversation_id)
        file_detach(principal=self.principal, conversation=conversation, document_id=document_id)
        return Response(status=204)
