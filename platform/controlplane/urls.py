from django.urls import include, path

urlpatterns = [path("api/v1/", include("controlplane.api.urls"))]

handler400 = "controlplane.core.error_pages.bad_request"
handler403 = "controlplane.core.error_pages.permission_denied"
handler404 = "controlplane.core.error_pages.page_not_found"
handler500 = "controlplane.core.error_pages.server_error"
