from django.urls import path

from controlplane.metering import views

urlpatterns = [path("usage", views.Usage.as_view())]
