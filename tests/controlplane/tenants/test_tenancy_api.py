"""Tenants and departments over REST."""

from rest_framework.test import APIClient

from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Department, Tenant
from controlplane.tenants.selectors import department_tree
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation
from tests.controlplane.organisations import platform_admin as new_platform_admin


def platform_admin() -> APIClient:
    return signed_in(new_platform_admin())


def test_the_platform_administrator_makes_tenants_and_sees_all(organisation: Organisation) -> None:
    client = platform_admin()
    new = {
        "slug": "grid-north",
        "name": "North Grid",
        "admin": {"email": "north@example.org", "password": PASSWORD},
    }
    made = client.post("/api/v1/tenants", new, format="json")
    assert made.status_code == 201, made.json()
    slugs = {t["slug"] for t in client.get("/api/v1/tenants?limit=200").json()["results"]}
    assert {"grid-north", organisation.tenant.slug} <= slugs
    taken = client.post("/api/v1/tenants", new | {"name": "Again"}, format="json")
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (409, "slug_taken", "slug")


def test_the_platform_administrator_sees_nothing_that_a_tenant_owns(organisation: Organisation) -> None:
    response = platform_admin().get("/api/v1/departments")
    assert response.status_code == 403


def test_others_see_their_own_tenant_and_make_none(organisation: Organisation, other: Organisation) -> None:
    key = organisation.key(organisation.root, *KeyScope.values).client
    assert [t["slug"] for t in key.get("/api/v1/tenants").json()["results"]] == [organisation.tenant.slug]
    assert key.post("/api/v1/tenants", {"slug": "x", "name": "X"}, format="json").status_code == 403
    with platform_scope():
        assert not Tenant.objects.filter(slug="x").exists()


def test_departments_are_made_beneath_and_moved(organisation: Organisation) -> None:
    admin = organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET).client
    made = admin.post("/api/v1/departments", {"slug": "audit", "name": "审计部"}, format="json")
    assert (made.status_code, made.json()["parent"]) == (201, "root")
    moved = admin.patch("/api/v1/departments/audit", {"parent": "finance"}, format="json")
    assert moved.json()["parent"] == "finance"
    circle = admin.patch("/api/v1/departments/finance", {"parent": "audit"}, format="json")
    assert (circle.status_code, circle.json()["code"]) == (422, "department_circle")
    with tenant_scope(organisation.tenant.pk):
        tree = department_tree(tenant_id=organisation.tenant.pk).subtree([organisation.finance.pk])
    assert len(tree) == 3


def test_a_department_outside_ones_own_is_neither_shown_nor_changed(organisation: Organisation) -> None:
    key = organisation.key(organisation.finance, *KeyScope.values).client
    assert {d["slug"] for d in key.get("/api/v1/departments").json()["results"]} == {"finance", "lending"}
    response = key.post("/api/v1/departments", {"slug": "x", "name": "X", "parent": "energy"}, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "department_not_administered")
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.count() == 4


def test_pages_follow_their_cursor(organisation: Organisation) -> None:
    key = organisation.key(organisation.root).client
    first = key.get("/api/v1/departments?limit=3").json()
    second = key.get(first["next"]).json()
    slugs = [d["slug"] for page in (first, second) for d in page["results"]]
    assert slugs == ["energy", "lending", "finance", "root"]
    assert second["next"] is None
