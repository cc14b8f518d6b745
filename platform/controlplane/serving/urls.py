from django.urls import path

from controlplane.serving import plan_views, views

urlpatterns = [
    path("models", views.Deployments.as_view()),
    path("models/probe", views.Probe.as_view()),
    path("models/catalogue", plan_views.Catalogue.as_view()),
    path("accelerators", plan_views.Accelerators.as_view()),
    path("plans", plan_views.Plans.as_view()),
]
