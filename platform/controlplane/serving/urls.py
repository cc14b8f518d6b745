from django.urls import path

from controlplane.serving import fleet_views, plan_views, price_views, views

urlpatterns = [
    path("models", views.Deployments.as_view()),
    path("models/probe", views.Probe.as_view()),
    path("models/catalogue", plan_views.Catalogue.as_view()),
    path("accelerators", plan_views.Accelerators.as_view()),
    path("plans", plan_views.Plans.as_view()),
    path("plans/launch", plan_views.PlanLaunch.as_view()),
    path("deployments", fleet_views.RegisteredDeployments.as_view()),
    path("deployments/<uuid:deployment_id>", fleet_views.RegisteredDeployment.as_view()),
    path("deployments/<uuid:deployment_id>/replicas", fleet_views.DeploymentReplicas.as_view()),
    path("replicas/<uuid:replica_id>", fleet_views.RegisteredReplica.as_view()),
    path("replicas/<uuid:replica_id>/drain", fleet_views.ReplicaDrain.as_view()),
    path("replicas/<uuid:replica_id>/resume", fleet_views.ReplicaResume.as_view()),
    path("replicas/<uuid:replica_id>/switch-off", fleet_views.ReplicaSwitchOff.as_view()),
    path("replicas/<uuid:replica_id>/probe", fleet_views.ReplicaProbe.as_view()),
    path("price-books", price_views.PriceBooks.as_view()),
    path("price-books/<uuid:book_id>", price_views.PriceBookDetail.as_view()),
]
