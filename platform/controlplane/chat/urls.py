from django.urls import path

from controlplane.chat import file_views, review_views, views

urlpatterns = [
    path("conversations", views.Conversations.as_view()),
    path("conversations/<uuid:conversation_id>", views.ConversationDetail.as_view()),
    path("messages/<uuid:answer_id>/feedback", review_views.AnswerFeedback.as_view()),
    path("feedback", review_views.FeedbackQueue.as_view()),
    path("feedback/<uuid:feedback_id>", review_views.FeedbackDetail.as_view()),
    path("reviews/conversations", review_views.ReviewedConversations.as_view()),
    path("reviews/conversations/<uuid:conversation_id>", review_views.ReviewedConversationDetail.as_view()),
    path("conversations/<uuid:conversation_id>/files", file_views.ConversationFiles.as_view()),
    path(
        "conversations/<uuid:conversation_id>/files/<uuid:document_id>",
        file_views.ConversationFile.as_view(),
    ),
]
