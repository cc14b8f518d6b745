"""Organisations for tests: each test makes its own, so that none sees another's."""

from dataclasses import dataclass
from uuid import uuid4

from rest_framework.test import APIClient

from controlplane.core.scope import platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_key
from controlplane.identity.services import api_key_create, user_create
from controlplane.tenants.models import Department, Role, Tenant
from controlplane.tenants.services import department_create, membership_set, tenant_create

USER_SCOPES = (KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ, KeyScope.DOCUMENTS_WRITE)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key with the principal that it becomes and a client that presents it."""

    presented: str
    principal: Principal

    @property
    def client(self) -> APIClient:
        return client_of(self.presented)


@dataclass(frozen=True, slots=True)
class Organisation:
    """root ─┬─ finance ── lending
    └─ energy"""

    tenant: Tenant
    root: Department
    finance: Department
    lending: Department
    energy: Department

    def system(self) -> Principal:
        """An administrator of the whole tenant, cleared for everything."""
        everything = frozenset(d.pk for d in (self.root, self.finance, self.lending, self.energy))
        return Principal(
            actor="system",
            tenant_id=self.tenant.pk,
            name="system",
            clearances=dict.fromkeys(everything, Secrecy.SECRET),
            write_departments=everything,
            admin_departments=everything,
            is_admin=True,
            scopes=frozenset(KeyScope.values),
        )

    def key(
        self,
        department: Department,
        *scopes: str,
        clearance: Secrecy = Secrecy.INTERNAL,
    ) -> Key:
        maker = self.system()
        with scoped(maker.scope()):
            _row, presented = api_key_create(
                principal=maker,
                department=department,
                name="test",
                scopes=scopes or USER_SCOPES,
                clearance=clearance,
            )
        principal = principal_of_key(presented=presented)
        assert principal is not None
        return Key(presented, principal)

    def member(
        self, department: Department, role: Role = Role.MEMBER, clearance: Secrecy = Secrecy.INTERNAL
    ) -> User:
        """A person with the password `quiet-channel-7`."""
        with tenant_scope(self.tenant.pk):
            user = user_create(actor="system", email=f"{uuid4().hex}@example.org", password=PASSWORD)
            membership_set(
                tenant_id=self.tenant.pk,
                actor="system",
                user_id=user.pk,
                department=department,
                role=role,
                clearance=clearance,
            )
        return user


PASSWORD = "quiet-channel-7"


def platform_admin() -> User:
    """Somebody who belongs to no tenant, with the password of all."""
    with platform_scope():
        return user_create(
            actor="system", email=f"{uuid4().hex}@example.org", password=PASSWORD, is_platform_admin=True
        )


def make_organisation() -> Organisation:
    slug = f"org-{uuid4().hex[:12]}"
    tenant, root = tenant_create(actor="system", slug=slug, name="Organisation")
    with tenant_scope(tenant.pk):
        make = {"tenant_id": tenant.pk, "actor": "system"}
        finance = department_create(**make, slug="finance", name="Finance", parent=root)
        lending = department_create(**make, slug="lending", name="Lending", parent=finance)
        energy = department_create(**make, slug="energy", name="Energy", parent=root)
    return Organisation(tenant, root, finance, lending, energy)


def client_of(presented: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {presented}")
    return client
