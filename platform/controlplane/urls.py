from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("controlplane.api.urls")),
    path("", include("controlplane.console.urls")),
]

handler400 = "controlplane.console.errors.bad_request"
handler403 = "controlplane.console.errors.permission_denied"
handler404 = "controlplane.console.errors.page_not_found"
handler500 = "controlplane.console.errors.server_error"
