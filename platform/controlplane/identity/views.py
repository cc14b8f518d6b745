"""Signing in, and the people and keys of a tenant."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity import serializers as shapes
from controlplane.identity.accounts import account_rename
from controlplane.identity.api import PrincipalView
from controlplane.identity.authentication import asked_tenant
from controlplane.identity.chat_tokens import chat_token_for
from controlplane.identity.models import KeyScope
from controlplane.identity.people import (
    NewMember,
    member_add,
    member_add_from_platform,
    member_change,
    member_remove,
)
from controlplane.identity.permissions import AddsMembers, InPerson, OwnAccount, SignedIn, scope_required
from controlplane.identity.selectors import api_key_get, api_key_list, member_get
from controlplane.identity.services import api_key_create, api_key_revoke
from controlplane.identity.sign_in import password_change, session_end, session_start
from controlplane.tenants.selectors import department_get, membership_list


class Session(PrincipalView):
    """The browser's way in; programs use a key."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=shapes.SignIn, responses=shapes.PrincipalSerializer)
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.SignIn)
        principal = session_start(request=request._request, **data)
        return Response(shapes.PrincipalSerializer(principal).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        session_end(request=request._request)
        return Response(status=204)


class SessionToken(PrincipalView):
    """A short-lived token for the chat, which acts for the caller with a member's rights."""

    permission_classes = (InPerson,)

    @extend_schema(responses=shapes.ChatTokenSerializer)
    def get(self, request: Request) -> Response:
        loan = chat_token_for(principal=self.principal)
        headers = {"Cache-Control": "no-store"}
        return Response(shapes.ChatTokenSerializer(loan).data, headers=headers)


class Me(PrincipalView):
    def get_permissions(self) -> list[BasePermission]:
        return [SignedIn() if self.request.method == "GET" else InPerson()]

    @extend_schema(responses=shapes.PrincipalSerializer)
    def get(self, request: Request) -> Response:
        return Response(shapes.PrincipalSerializer(self.principal).data)

    @extend_schema(request=shapes.NameChange, responses=shapes.PrincipalSerializer)
    def patch(self, request: Request) -> Response:
        principal, name = self.principal, self.checked(shapes.NameChange)["name"]
        assert principal.user_id is not None  # noqa: S101  (`InPerson` has made sure of it)
        renamed = account_rename(principal=principal, user_id=principal.user_id, name=name)
        return Response(shapes.PrincipalSerializer(replace(principal, name=renamed.name)).data)


class Password(PrincipalView):
    """The caller's own. Not in one transaction: none is open while a password is hashed, and refusals are recorded."""

    permission_classes = (OwnAccount,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # a change of password is not repeated

    @extend_schema(request=shapes.PasswordChange, responses={204: None})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.PasswordChange)
        password_change(
            request=request._request, principal=self.principal, current=data["current"], new=data["new"]
        )
        return Response(status=204)


class Members(PrincipalView):
    permission_classes = (AddsMembers,)
    serializer_class = shapes.MemberSerializer

    @extend_schema(responses=shapes.MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        members = membership_list(tenant_id=self.principal.tenant).filter(
            department_id__in=self.principal.admin_departments
        )
        return self.listed(members, shapes.MemberSerializer)

    @extend_schema(request=shapes.MemberWrite, responses={201: shapes.MemberSerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.MemberWrite)
        principal, department = self.principal, data.pop("department")
        if principal.is_platform_admin:
            membership = member_add_from_platform(
                principal=principal,
                tenant_id=asked_tenant(request) or principal.tenant,
                department=department,
                member=NewMember(**data),
            )
        else:
            membership = member_add(
                principal=principal,
                department=department_get(tenant_id=principal.tenant, key=department),
                member=NewMember(**data),
            )
        return Response(shapes.MemberSerializer(membership).data, status=201)


class Member(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)

    @extend_schema(responses=shapes.MemberSerializer)
    def get(self, request: Request, membership_id: UUID) -> Response:
        membership = member_get(principal=self.principal, membership_id=membership_id)
        return Response(shapes.MemberSerializer(membership).data)

    @extend_schema(request=shapes.MemberChange, responses=shapes.MemberSerializer)
    def patch(self, request: Request, membership_id: UUID) -> Response:
        membership = member_change(
            principal=self.principal, membership_id=membership_id, **self.checked(shapes.MemberChange)
        )
        return Response(shapes.MemberSerializer(membership).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, membership_id: UUID) -> Response:
        member_remove(principal=self.principal, membership_id=membership_id)
        return Response(status=204)


class ApiKeys(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)
    serializer_class = shapes.ApiKeySerializer
    secret_fields = ("key",)

    @extend_schema(
        responses=shapes.ApiKeySerializer(many=True),
        parameters=[OpenApiParameter("state", enum=["active", "expired", "revoked"])],
    )
    def get(self, request: Request) -> Response:
        state = request.query_params.get("state", "")
        return self.listed(api_key_list(principal=self.principal, state=state), shapes.ApiKeySerializer)

    @extend_schema(request=shapes.ApiKeyWrite, responses={201: shapes.NewApiKeySerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.ApiKeyWrite)
        data["department"] = department_get(tenant_id=self.principal.tenant, key=data["department"])
        key, presented = api_key_create(principal=self.principal, **data)
        return Response({**shapes.ApiKeySerializer(key).data, "key": presented}, status=201)


class ApiKeyDetail(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)

    @extend_schema(responses=shapes.ApiKeySerializer)
    def get(self, request: Request, key_id: UUID) -> Response:
        return Response(shapes.ApiKeySerializer(api_key_get(principal=self.principal, key_id=key_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        api_key_revoke(principal=self.principal, key=api_key_get(principal=self.principal, key_id=key_id))
        return Response(status=204)
