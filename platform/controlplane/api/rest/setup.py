"""REST of the first start."""

from typing import Any

from django.db.transaction import non_atomic_requests
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity.api import PrincipalView
from controlplane.identity.founding import FirstPerson
from controlplane.identity.setup import platform_set_up
from controlplane.identity.throttles import SignInByAddress


class SetupAdministrator(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, write_only=True)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class SetupForm(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=64, write_only=True, help_text="manage.py setup_link prints it")
    name = serializers.CharField(max_length=200, help_text="of the organisation")
    slug = serializers.SlugField(max_length=63)
    admin = SetupAdministrator(write_only=True)


@method_decorator(non_atomic_requests, name="dispatch")
class Setup(PrincipalView):
    """The first organisation and its administrator. Once there is one, this answers 409 for good."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SignInByAddress,)

    @extend_schema(request=SetupForm, responses={204: None})
    def post(self, request: Request) -> Response:
        data = self.checked(SetupForm)
        platform_set_up(**{**data, "admin": FirstPerson(**data["admin"])})
        return Response(status=204)
