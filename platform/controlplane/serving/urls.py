from django.urls import path

from controlplane.serving import views

urlpatterns = [
    path("models", views.Deployments.as_view()),
    path("models/probe", views.Probe.as_view()),
]
