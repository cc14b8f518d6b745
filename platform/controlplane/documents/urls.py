"""Paths below /api/v1/."""

from django.urls import path

from controlplane.documents import source_views, views

urlpatterns = [
    path("knowledge-bases", views.KnowledgeBases.as_view()),
    path("knowledge-bases/<uuid:base_id>", views.KnowledgeBaseDetail.as_view()),
    path("knowledge-bases/<uuid:base_id>/documents", views.KnowledgeBaseDocuments.as_view()),
    path("knowledge-bases/<uuid:base_id>/reindex", views.KnowledgeBaseReindex.as_view()),
    path("knowledge-bases/<uuid:base_id>/retry-failed", views.KnowledgeBaseRetry.as_view()),
    path("documents", views.Documents.as_view()),
    path("documents/<uuid:document_id>", views.DocumentDetail.as_view()),
    path("documents/<uuid:document_id>/content", views.DocumentContent.as_view()),
    path("documents/<uuid:document_id>/pages/<int:number>", source_views.PageImage.as_view()),
    path("documents/<uuid:document_id>/passages", source_views.Passages.as_view()),
    path("documents/<uuid:document_id>/reindex", views.DocumentReindex.as_view()),
    path("documents/<uuid:document_id>/versions/<int:number>/restore", views.VersionRestore.as_view()),
    path("jobs", views.Jobs.as_view()),
    path("jobs/<uuid:job_id>", views.JobDetail.as_view()),
    path("jobs/<uuid:job_id>/cancel", views.JobCancel.as_view()),
    path("jobs/<uuid:job_id>/retry", views.JobRetry.as_view()),
]
