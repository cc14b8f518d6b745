"""The platform API: what each app offers, under one prefix."""

from django.urls import include, path

from controlplane.api.rest.auditing import AuditEvents, AuditVerification
from controlplane.api.rest.description import Description
from controlplane.api.rest.setup import Setup
from controlplane.api.rest.tenancy import (
    DepartmentDetail,
    DepartmentLogo,
    Departments,
    TenantDetail,
    TenantResume,
    Tenants,
    TenantSuspend,
)
from controlplane.documents.search_views import search_urlpatterns

urlpatterns = [
    path("openapi.json", Description.as_view()),
    path("setup", Setup.as_view()),
    path("tenants", Tenants.as_view()),
    path("tenants/<uuid:tenant_id>", TenantDetail.as_view()),
    path("tenants/<uuid:tenant_id>/suspend", TenantSuspend.as_view()),
    path("tenants/<uuid:tenant_id>/resume", TenantResume.as_view()),
    path("departments", Departments.as_view()),
    path("departments/<str:key>", DepartmentDetail.as_view()),
    path("departments/<str:key>/logo", DepartmentLogo.as_view()),
    path("audit-events", AuditEvents.as_view()),
    path("audit-events/verify", AuditVerification.as_view()),
    path("", include("controlplane.identity.urls")),
    path("", include("controlplane.documents.urls")),
    path("", include("controlplane.serving.urls")),
    path("", include(search_urlpatterns)),
    path("", include("controlplane.assistants.urls")),
    path("", include("controlplane.chat.urls")),
    path("", include("controlplane.metering.urls")),
]
