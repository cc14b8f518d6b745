"""The base of the REST views: the caller as a principal, checked input, idempotent writes."""

import json
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from controlplane.core.problems import Problem
from controlplane.identity.idempotency import Answer, begin, fingerprint, finish, form_content
from controlplane.identity.models import IdempotencyRecord
from controlplane.identity.principal import Principal

S = TypeVar("S", bound=serializers.BaseSerializer[Any])
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class _Replay(APIException):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class PrincipalView(GenericAPIView[Any]):
    """A view whose caller has been turned into a principal, and whose writes accept `Idempotency-Key`."""

    # Fields of the answer that are shown once: a repetition is answered without them, and nothing stores them.
    secret_fields: tuple[str, ...] = ()

    _idempotent: IdempotencyRecord | None = None

    @property
    def principal(self) -> Principal:
        principal = self.request.auth
        if not isinstance(principal, Principal):  # every permission class but DenyAll has made sure of it
            self.permission_denied(self.request)
        return principal

    def checked(self, serializer: type[S], *, partial: bool = False) -> dict[str, Any]:
        """The request's body as validated data. Raises DRF's ValidationError, which becomes a problem document."""
        form = serializer(data=self.request.data, partial=partial)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def asked(self, serializer: type[S]) -> dict[str, Any]:
        """The query's parameters as validated data. Raises as `checked`."""
        form = serializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def listed(self, queryset: Any, serializer: type[serializers.BaseSerializer[Any]]) -> Response:
        """One page of the list."""
        page = self.paginate_queryset(queryset)
        return self.get_paginated_response(
            serializer(page, many=True, context=self.get_serializer_context()).data
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key", "")
        if not key or request.method not in _WRITES or not isinstance(request.auth, Principal):
            return
        begun = begin(principal=request.auth, key=key, print_=self._fingerprint(request))
        if isinstance(begun, Answer):
            raise _Replay(begun)
        self._idempotent = begun

    def check_permissions(self, request: Request) -> None:
        try:
            super().check_permissions(request)
        except (Problem, APIException):
            if isinstance(request.auth, Principal) and request.auth.suspension is not None:
                raise request.auth.suspension.problem() from None  # which is why there is no right
            raise

    def _fingerprint(self, request: Request) -> str:
        is_form = (request.content_type or "").startswith("multipart/")
        content = form_content(request) if is_form else [request._request.body]
        return fingerprint(method=request.method or "", path=request.get_full_path(), content=content)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replay):
            return Response(
                exc.answer.body, status=exc.answer.status, headers={"Idempotency-Replayed": "true"}
            )
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        if self._idempotent is not None and final.status_code < 400:
            body = json.loads(json.dumps(getattr(final, "data", None), cls=JSONEncoder))
            if isinstance(body, dict):
                body |= {name: None for name in self.secret_fields if name in body}
            finish(record=self._idempotent, answer=Answer(status=final.status_code, body=body))
        return final
