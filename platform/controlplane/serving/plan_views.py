"""REST of the planner: it computes from data files, so that no tenant's data is in it and nothing is stored."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import SomeAdmin
from controlplane.serving.catalogue_serializers import (
    CardSerializer,
    CardsSerializer,
    CatalogueModelSerializer,
    CatalogueSerializer,
)
from controlplane.serving.launching import launch_file
from controlplane.serving.plan_serializers import (
    LaunchFileSerializer,
    LaunchRequestSerializer,
    PlanRequestSerializer,
    PlanSerializer,
)
from controlplane.serving.planning import plan_request, planned
from inference.accelerators import accelerators
from inference.catalogue import models
from inference.launch import Site


class Accelerators(PrincipalView):
    permission_classes = (SomeAdmin,)
    serializer_class = CardsSerializer

    @extend_schema(operation_id="accelerators_list", responses=CardsSerializer)
    def get(self, request: Request) -> Response:
        return Response({"results": CardSerializer(accelerators(), many=True).data})


class Catalogue(PrincipalView):
    permission_classes = (SomeAdmin,)
    serializer_class = CatalogueSerializer

    @extend_schema(operation_id="models_catalogue", responses=CatalogueSerializer)
    def get(self, request: Request) -> Response:
        return Response({"results": CatalogueModelSerializer(models(), many=True).data})


class Plans(PrincipalView):
    """What a model needs on given cards. Nothing is stored: the same question has the same answer."""

    permission_classes = (SomeAdmin,)
    serializer_class = PlanSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(
            self, request, *args, **kwargs
        )  # nothing is written that a repetition could double

    @extend_schema(operation_id="plans_compute", request=PlanRequestSerializer, responses=PlanSerializer)
    def post(self, request: Request) -> Response:
        answer = planned(request=plan_request(data=self.checked(PlanRequestSerializer)))
        return Response(PlanSerializer(answer).data)


class PlanLaunch(PrincipalView):
    """The file that starts the engines of a plan, and what the registry is then told of them. Nothing is stored."""

    permission_classes = (SomeAdmin,)
    serializer_class = LaunchFileSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # as Plans

    @extend_schema(
        operation_id="plans_launch", request=LaunchRequestSerializer, responses=LaunchFileSerializer
    )
    def post(self, request: Request) -> Response:
        asked = self.checked(LaunchRequestSerializer)
        answer = planned(request=plan_request(data=asked["plan"]))
        file = launch_file(plan=answer, form=asked["form"], site=Site(**asked.get("site", {})))
        return Response(LaunchFileSerializer(file).data)
