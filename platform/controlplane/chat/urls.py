from django.urls import path

from controlplane.chat import views

urlpatterns = [
    path("conversations", views.Conversations.as_view()),
    path("conversations/<uuid:conversation_id>", views.ConversationDetail.as_view()),
]
