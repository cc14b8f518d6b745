"""How the description of the API names the ways of signing in; loaded when the app is ready."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from controlplane.identity.authentication import TENANT_HEADER


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "controlplane.identity.authentication.ApiKeyAuthentication"
    match_subclasses = True
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "kz_…"}


class ChatTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "controlplane.identity.authentication.ChatTokenAuthentication"
    match_subclasses = True
    name = "chatToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "kt_…",
            "description": "Made by GET /session/token for whoever has signed in; five minutes, a member's scopes.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "controlplane.identity.authentication.PrincipalSessionAuthentication"
    match_subclasses = True
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Made by POST /session. Writes also need X-CSRFToken; "
            f"{TENANT_HEADER} chooses among several tenants.",
        }
