from django.urls import path

from controlplane.assistants import version_views, views

urlpatterns = [
    path("assistants", views.Assistants.as_view()),
    path("assistants/<slug:slug>", views.AssistantDetail.as_view()),
    path("assistants/<slug:slug>/access", version_views.Access.as_view()),
    path("assistants/<slug:slug>/versions", version_views.Versions.as_view()),
    path("assistants/<slug:slug>/versions/<int:number>", version_views.VersionDetail.as_view()),
    path("assistants/<slug:slug>/versions/<int:number>/restore", version_views.VersionRestore.as_view()),
]
