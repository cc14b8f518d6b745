from django.urls import path

from controlplane.metering import ledger_views, limit_views, views

urlpatterns = [
    path("usage", views.Usage.as_view()),
    path("ledger", ledger_views.Ledger.as_view()),
    path("limits", limit_views.Limits.as_view()),
    path("tenants/<uuid:tenant_id>/limits", limit_views.TenantLimits.as_view()),
    path("departments/<str:key>/limits", limit_views.DepartmentLimits.as_view()),
]
