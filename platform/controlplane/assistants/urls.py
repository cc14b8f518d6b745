from django.urls import path

from controlplane.assistants import views

urlpatterns = [
    path("assistants", views.Assistants.as_view()),
    path("assistants/<slug:slug>", views.AssistantDetail.as_view()),
]
