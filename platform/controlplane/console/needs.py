"""What somebody must be to see a page of the console."""

from enum import Enum

from controlplane.identity.principal import Principal


class Need(Enum):
    """Each page names one; `MANAGER` includes administrators of any department."""

    SIGNED_IN = "signed_in"
    MANAGER = "manager"
    ADMIN = "admin"
    TENANT_ADMIN = "tenant_admin"
    PLATFORM_ADMIN = "platform_admin"
    SOME_ADMIN = "some_admin"

    def is_met_by(self, principal: Principal) -> bool:
        match self:
            case Need.SIGNED_IN:
                return True
            case Need.MANAGER:
                return bool(principal.write_departments)
            case Need.ADMIN:
                return bool(principal.admin_departments)
            case Need.TENANT_ADMIN:
                return principal.is_admin
            case Need.PLATFORM_ADMIN:
                return principal.is_platform_admin
            case Need.SOME_ADMIN:
                return principal.is_admin or principal.is_platform_admin


def uses_console(principal: Principal) -> bool:
    """Whether there is anything in the console for this person; everybody else belongs in the chat."""
    return bool(principal.write_departments or principal.admin_departments or principal.is_platform_admin)
