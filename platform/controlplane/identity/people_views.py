"""REST of people: each once, with the memberships that the caller administers, and of their accounts."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity import serializers as shapes
from controlplane.identity.accounts import (
    account_deactivate,
    account_password_reset,
    account_reactivate,
    account_rename,
)
from controlplane.identity.api import PrincipalView
from controlplane.identity.directory import person_get, person_list
from controlplane.identity.models import KeyScope
from controlplane.identity.people_file import MOST_BYTES, people_lines
from controlplane.identity.people_import import Imported, people_import, people_plan
from controlplane.identity.permissions import scope_required
from controlplane.identity.selectors import visible_department
from controlplane.tenants.models import Role

_STATES = ("active", "inactive")


class People(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)
    serializer_class = shapes.PersonSerializer

    @extend_schema(
        responses=shapes.PersonSerializer(many=True),
        parameters=[
            OpenApiParameter("q", description="a part of the name or of the address"),
            OpenApiParameter("department", description="slug or id"),
            OpenApiParameter("role", enum=Role.values),
            OpenApiParameter("state", enum=_STATES),
        ],
    )
    def get(self, request: Request) -> Response:
        asked = request.query_params
        department = asked.get("department")
        state = asked.get("state", "")
        people = person_list(
            principal=self.principal,
            q=asked.get("q", ""),
            department=visible_department(principal=self.principal, key=department).pk
            if department
            else None,
            role=asked.get("role", ""),
            state="active" if state == "active" else "inactive" if state == "inactive" else "",
        )
        return self.listed(people, shapes.PersonSerializer)


class Person(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)

    @extend_schema(responses=shapes.PersonSerializer)
    def get(self, request: Request, user_id: UUID) -> Response:
        return Response(shapes.PersonSerializer(person_get(principal=self.principal, user_id=user_id)).data)

    @extend_schema(request=shapes.PersonChange, responses=shapes.PersonSerializer)
    def patch(self, request: Request, user_id: UUID) -> Response:
        person: dict[str, Any] = {"principal": self.principal, "user_id": user_id}
        changes = self.checked(shapes.PersonChange)
        if "name" in changes:
            account_rename(**person, name=changes["name"])
        if "active" in changes:
            (account_reactivate if changes["active"] else account_deactivate)(**person)
        return Response(shapes.PersonSerializer(person_get(**person)).data)


class PersonPassword(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)
    secret_fields = ("password",)

    @extend_schema(request=shapes.PasswordReset, responses=shapes.NewPasswordSerializer)
    def post(self, request: Request, user_id: UUID) -> Response:
        new = account_password_reset(
            principal=self.principal, user_id=user_id, **self.checked(shapes.PasswordReset)
        )
        return Response({"password": new.password}, headers={"Cache-Control": "no-store"})


class PeopleImport(PrincipalView):
    """All lines or none; `dry_run` says what each would do. The initial passwords are in no later answer."""

    permission_classes = (scope_required(KeyScope.ADMIN),)
    parser_classes = (MultiPartParser,)
    secret_fields = ("passwords",)

    @extend_schema(request=shapes.PeopleFile, responses=shapes.ImportedSerializer)
    def post(self, request: Request) -> Response:
        sent: dict[str, Any] = self.checked(shapes.PeopleFile)
        lines = people_lines(content=sent["file"].read(MOST_BYTES + 1))
        if sent["dry_run"]:
            imported = Imported(people_plan(principal=self.principal, lines=lines))
        else:
            imported = people_import(principal=self.principal, lines=lines)
        return Response(shapes.ImportedSerializer(imported).data, headers={"Cache-Control": "no-store"})
