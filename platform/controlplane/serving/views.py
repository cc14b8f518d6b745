"""REST of the model deployments."""

from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import SignedIn, scope_required
from controlplane.serving.registry import registry
from controlplane.serving.serializers import DeploymentSerializer, DeploymentsSerializer


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Deployments(PrincipalView):
    """No transaction is open while the engines are asked, which takes as long as they take."""

    permission_classes = (SignedIn,)
    serializer_class = DeploymentsSerializer

    @extend_schema(operation_id="models_list", responses=DeploymentsSerializer)
    def get(self, request: Request) -> Response:
        deployments = async_to_sync(registry().deployments)()
        return Response({"results": DeploymentSerializer(deployments, many=True).data})


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Probe(PrincipalView):
    """Asks every engine now, unless it was asked a few seconds ago."""

    permission_classes = (scope_required(KeyScope.ADMIN),)
    serializer_class = DeploymentsSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # to ask twice is no harm

    @extend_schema(operation_id="models_probe", request=None, responses=DeploymentsSerializer)
    def post(self, request: Request) -> Response:
        deployments = async_to_sync(registry().deployments)(anew=True)
        return Response({"results": DeploymentSerializer(deployments, many=True).data})
