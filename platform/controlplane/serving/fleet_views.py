"""REST of the registry, for the platform's administrators: deployments, their replicas, draining and probing."""

from typing import Any
from uuid import UUID

import httpx
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.core.scope import scoped
from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import PlatformAdmin
from controlplane.serving import fleet_serializers as shapes
from controlplane.serving import services
from controlplane.serving.models import ModelDeployment, Replica, WantedState
from controlplane.serving.selectors import deployment_get, deployment_list, registered_replica, replica_get
from controlplane.serving.shown import Display
from inference.endpoints import EngineEndpoint
from inference.fleet import Probe, probe

PROBE_SECONDS = 20.0


class RegistryView(PrincipalView):
    permission_classes = (PlatformAdmin,)

    def _deployment(self, row: ModelDeployment, status: int = 200) -> Response:
        return Response(shapes.RegisteredDeploymentSerializer(Display().deployment(row)).data, status=status)

    def _replica(self, row: Replica, status: int = 200) -> Response:
        return Response(shapes.ReplicaSerializer(Display().replica(row)).data, status=status)


class RegisteredDeployments(RegistryView):
    """The registered ones by page; those of KAREZ_ENGINES stand before the first."""

    serializer_class = shapes.RegisteredDeploymentSerializer

    @extend_schema(
        operation_id="deployments_list", responses=shapes.RegisteredDeploymentSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        display = Display()
        page = self.paginate_queryset(deployment_list()) or []
        given = [] if "cursor" in request.query_params else display.given()
        shown: Any = [*given, *display.deployments(page)]
        return self.get_paginated_response(shapes.RegisteredDeploymentSerializer(shown, many=True).data)

    @extend_schema(
        operation_id="deployments_create",
        request=shapes.DeploymentWrite,
        responses={201: shapes.RegisteredDeploymentSerializer},
    )
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.DeploymentWrite)
        made = services.deployment_create(actor=self.principal.actor, **data)
        return self._deployment(deployment_get(deployment_id=made.pk), 201)


class RegisteredDeployment(RegistryView):
    serializer_class = shapes.RegisteredDeploymentSerializer

    @extend_schema(operation_id="deployments_retrieve")
    def get(self, request: Request, deployment_id: UUID) -> Response:
        return self._deployment(deployment_get(deployment_id=deployment_id))

    @extend_schema(operation_id="deployments_change", request=shapes.DeploymentWrite)
    def patch(self, request: Request, deployment_id: UUID) -> Response:
        changes = self.checked(shapes.DeploymentWrite, partial=True)
        services.deployment_change(actor=self.principal.actor, deployment_id=deployment_id, **changes)
        return self._deployment(deployment_get(deployment_id=deployment_id))

    @extend_schema(operation_id="deployments_remove", responses={204: None})
    def delete(self, request: Request, deployment_id: UUID) -> Response:
        services.deployment_remove(actor=self.principal.actor, deployment_id=deployment_id)
        return Response(status=204)


class DeploymentReplicas(RegistryView):
    serializer_class = shapes.ReplicaSerializer

    @extend_schema(
        operation_id="replicas_add", request=shapes.ReplicaWrite, responses={201: shapes.ReplicaSerializer}
    )
    def post(self, request: Request, deployment_id: UUID) -> Response:
        data = self.checked(shapes.ReplicaWrite)
        added = services.replica_add(actor=self.principal.actor, deployment_id=deployment_id, **data)
        return self._replica(added, 201)


class RegisteredReplica(RegistryView):
    serializer_class = shapes.ReplicaSerializer

    @extend_schema(operation_id="replicas_retrieve")
    def get(self, request: Request, replica_id: UUID) -> Response:
        return self._replica(replica_get(replica_id=replica_id))

    @extend_schema(operation_id="replicas_change", request=shapes.ReplicaWrite)
    def patch(self, request: Request, replica_id: UUID) -> Response:
        changes = self.checked(shapes.ReplicaWrite, partial=True)
        return self._replica(
            services.replica_change(actor=self.principal.actor, replica_id=replica_id, **changes)
        )

    @extend_schema(operation_id="replicas_remove", responses={204: None})
    def delete(self, request: Request, replica_id: UUID) -> Response:
        services.replica_remove(actor=self.principal.actor, replica_id=replica_id)
        return Response(status=204)


class _ReplicaWanted(RegistryView):
    serializer_class = shapes.ReplicaSerializer
    wanted: WantedState

    @extend_schema(request=None, responses=shapes.ReplicaSerializer)
    def post(self, request: Request, replica_id: UUID) -> Response:
        return self._replica(
            services.replica_want(actor=self.principal.actor, replica_id=replica_id, wanted=self.wanted)
        )


class ReplicaDrain(_ReplicaWanted):
    """It gets nothing new and finishes what it has; `in_flight` says how much that is."""

    wanted = WantedState.DRAINING


class ReplicaResume(_ReplicaWanted):
    """It is taken back in, and gets requests when it has answered a probe."""

    wanted = WantedState.SERVING


class ReplicaSwitchOff(_ReplicaWanted):
    """As draining, and it is not asked any more."""

    wanted = WantedState.OFF


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class ReplicaProbe(RegistryView):
    """Asks the replica now, whatever its state, and changes nothing. No transaction is open meanwhile."""

    serializer_class = shapes.ProbeSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # to ask twice is no harm

    @extend_schema(operation_id="replicas_probe", request=None, responses=shapes.ProbeSerializer)
    def post(self, request: Request, replica_id: UUID) -> Response:
        with scoped(self.principal.scope()):
            endpoint = registered_replica(replica_get(replica_id=replica_id)).endpoint
        return Response(shapes.ProbeSerializer(async_to_sync(_probed)(endpoint)).data)


async def _probed(endpoint: EngineEndpoint) -> Probe:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await probe(endpoint=endpoint, http=http, timeout_seconds=PROBE_SECONDS)
