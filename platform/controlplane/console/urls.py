from django.db.transaction import non_atomic_requests
from django.urls import path

from controlplane.console.views import conversations, feedback, home, language, sign_in

app_name = "console"

urlpatterns = [
    path("", home.OverviewPage.as_view(), name="overview"),
    path("usage/", home.UsagePage.as_view(), name="usage"),
    path("conversations/", conversations.Conversations.as_view(), name="conversations"),
    path(
        "conversations/<uuid:conversation_id>/",
        conversations.ConversationDetail.as_view(),
        name="conversation",
    ),
    path("feedback/", feedback.FeedbackQueue.as_view(), name="feedback"),
    path("feedback/<uuid:feedback_id>", feedback.FeedbackDecide.as_view(), name="feedback-decide"),
    # Without a transaction around them: see identity.sign_in.
    path("sign-in", non_atomic_requests(sign_in.SignIn.as_view()), name="sign-in"),
    path("sign-out", non_atomic_requests(sign_in.SignOut.as_view()), name="sign-out"),
    path("password", non_atomic_requests(sign_in.Password.as_view()), name="password"),
    path("language", language.choose, name="language"),
]
