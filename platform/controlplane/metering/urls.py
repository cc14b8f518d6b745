from django.urls import path

from controlplane.metering import ledger_views, views

urlpatterns = [
    path("usage", views.Usage.as_view()),
    path("ledger", ledger_views.Ledger.as_view()),
]
