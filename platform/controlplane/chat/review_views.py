"""REST of feedback, and of the conversations that reviewers read."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.chat import serializers as shapes
from controlplane.chat.feedback import Verdict, feedback_decide, feedback_give, feedback_withdraw
from controlplane.chat.reviews import ReviewFilters, reviewed_conversation_get, reviewed_conversation_list
from controlplane.chat.selectors import feedback_list
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import Reviewer, scope_required


class AnswerFeedback(PrincipalView):
    """The asker's own, one per answer."""

    permission_classes = (scope_required(KeyScope.CHAT),)

    @extend_schema(request=shapes.FeedbackWrite, responses=shapes.GivenFeedback)
    def put(self, request: Request, answer_id: UUID) -> Response:
        verdict = Verdict(**self.checked(shapes.FeedbackWrite))
        feedback = feedback_give(principal=self.principal, answer_id=answer_id, verdict=verdict)
        return Response(shapes.GivenFeedback(feedback).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, answer_id: UUID) -> Response:
        feedback_withdraw(principal=self.principal, answer_id=answer_id)
        return Response(status=204)


class FeedbackQueue(PrincipalView):
    """What was said of the answers of one's departments, newest first."""

    permission_classes = (Reviewer,)
    serializer_class = shapes.FeedbackSerializer

    @extend_schema(parameters=[shapes.FeedbackFilters], responses=shapes.FeedbackSerializer(many=True))
    def get(self, request: Request) -> Response:
        found = feedback_list(principal=self.principal, **self.asked(shapes.FeedbackFilters))
        return self.listed(found, shapes.FeedbackSerializer)


class FeedbackDetail(PrincipalView):
    permission_classes = (Reviewer,)

    @extend_schema(request=shapes.FeedbackDecision, responses=shapes.FeedbackSerializer)
    def patch(self, request: Request, feedback_id: UUID) -> Response:
        decision = self.checked(shapes.FeedbackDecision)
        feedback = feedback_decide(principal=self.principal, feedback_id=feedback_id, **decision)
        return Response(shapes.FeedbackSerializer(feedback).data)


class ReviewedConversations(PrincipalView):
    """Those held with the assistants of one's departments, newest first. Nothing here changes them."""

    permission_classes = (Reviewer,)
    serializer_class = shapes.ReviewedConversationSerializer

    @extend_schema(
        parameters=[shapes.ReviewFilterSerializer],
        responses=shapes.ReviewedConversationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        filters = ReviewFilters(**self.asked(shapes.ReviewFilterSerializer))
        found = reviewed_conversation_list(principal=self.principal, filters=filters)
        return self.listed(found, shapes.ReviewedConversationSerializer)


class ReviewedConversationDetail(PrincipalView):
    """Opening it is recorded in the audit trail."""

    permission_classes = (Reviewer,)

    @extend_schema(responses=shapes.ReviewedDetailSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        opened = reviewed_conversation_get(principal=self.principal, conversation_id=conversation_id)
        body = shapes.ReviewedConversationSerializer(opened.conversation).data
        shown = shapes.ReviewedMessageSerializer(opened.messages, many=True)  # type: ignore[arg-type]  # the stubs know no many=True
        return Response({**body, "messages": shown.data})
