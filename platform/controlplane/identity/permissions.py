"""What a principal may call. A view that names nothing answers 403 to everybody."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.core.problems import Forbidden
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal

if TYPE_CHECKING:  # rest_framework.views imports this module, as the default permission
    from rest_framework.views import APIView


class DenyAll(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False


class SignedIn(BasePermission):
    """Anybody with a valid credential, for what concerns only themselves."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Principal)


class InPerson(BasePermission):
    """A session of the browser: neither a key nor a token that acts for somebody."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        if principal.user_id is not None and not principal.by_token:
            return True
        raise Forbidden(
            code="session_needed",
            detail=_("Only a person who has signed in may do this; a key or a token may not."),
            remedy=_("Sign in with the e-mail address and the password."),
        )


class OwnAccount(SignedIn):
    """What changes the person's own account: never with a token that was lent to a chat."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = request.auth
        if isinstance(principal, Principal) and principal.by_token:
            return InPerson().has_permission(request, view)
        return super().has_permission(request, view)


class Reviewer(BasePermission):
    """Who looks after a department, for what is asked of its assistants."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, Principal):
            return False
        if request.auth.review_departments:
            return True
        raise Forbidden(
            code="not_a_reviewer",
            detail=_("Only knowledge managers and administrators of a department may see this."),
            remedy=_("Ask an administrator for the knowledge manager's role in the department."),
        )


class PlatformAdmin(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Principal) and request.auth.is_platform_admin


class TenantAdmin(BasePermission):
    """For what concerns the tenant as a whole: being administrator of one of its departments is not enough."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Principal) and request.auth.is_admin


class SomeAdmin(BasePermission):
    """Administrators of the tenant or of the platform, for what they decide alike and no tenant's data is in."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return PlatformAdmin().has_permission(request, view) or TenantAdmin().has_permission(request, view)


class _ScopeRequired(BasePermission):
    read: str
    write: str

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        needed = self.read if request.method in ("GET", "HEAD", "OPTIONS") else self.write
        if needed in principal.scopes:
            return True
        raise Forbidden(
            code="scope_missing",
            detail=_("This needs the scope “%(scope)s”.") % {"scope": needed},
            remedy=_("Use a key, or a role, that has it."),
        )


class AddsMembers(_ScopeRequired):
    """Administrators of a department, and to add somebody the platform's too, whichever tenant it is."""

    read = write = KeyScope.ADMIN

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if (
            request.method == "POST"
            and isinstance(request.auth, Principal)
            and request.auth.is_platform_admin
        ):
            return True
        return super().has_permission(request, view)


def scope_required(read: str, write: str | None = None) -> type[BasePermission]:
    """A permission that asks for one scope to read, and for `write` (or the same) to change."""
    return type("ScopeRequired", (_ScopeRequired,), {"read": read, "write": write or read})
