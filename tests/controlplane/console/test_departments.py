"""The pages of departments: the tree, names, places, appearance, and the end of an empty one."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.brands import brands
from controlplane.tenants.models import Department, DepartmentLogo, Role
from controlplane.tenants.services import department_create
from tests.controlplane.console.pages import askers, queries_of, refused
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation

POSTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/departments/add", {"name": "x", "slug": "x", "parent": "root"}),
    ("/departments/energy/place", {"name": "mine"}),
    ("/departments/energy/brand", {"brand_name": "mine", "brand_color": "#000000"}),
    ("/departments/energy/brand", {"do": "remove-logo"}),
    ("/departments/energy/delete", {}),
)


@pytest.fixture
def boss(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def read(organisation: Organisation, slug: str) -> Department:
    with tenant_scope(organisation.tenant.pk):
        return Department.objects.get(slug=slug)


def logo(color: str = "#0b6480") -> SimpleUploadedFile:
    drawn = io.BytesIO()
    Image.new("RGB", (40, 40), color).save(drawn, "PNG")
    return SimpleUploadedFile("logo.png", drawn.getvalue(), "image/png")


def test_only_administrators_get_in_and_only_where_they_administer(
    organisation: Organisation, other: Organisation
) -> None:
    by = askers(organisation, other)
    for client in (by.member, by.manager):
        for address in ("/departments/", "/departments/add", "/departments/energy/"):
            assert client.get(address).status_code == 403
        for address, data in POSTS:
            refused(organisation, lambda c=client, a=address, d=data: c.post(a, d), 403)
    own = by.department_admin
    listed = own.get("/departments/").text
    assert "/departments/lending/" in listed
    assert "/departments/energy/" not in listed
    assert own.get("/departments/energy/").status_code in (403, 404)
    for address, data in POSTS[1:]:
        refused(organisation, lambda a=address, d=data: own.post(a, d), 403, 404)
    outside = {"name": "x", "slug": "x", "parent": str(organisation.energy.pk)}
    for client in (own, by.elsewhere):
        refused(organisation, lambda c=client: c.post("/departments/add", outside), 422)


def test_a_department_is_made_renamed_moved_and_deleted(organisation: Organisation, boss: Client) -> None:
    new = {"name": "审计<部>", "slug": "audit", "parent": str(organisation.energy.pk)}
    assert boss.post("/departments/add", new).headers["Location"] == "/departments/audit/"
    assert boss.post("/departments/add", new).status_code == 409
    assert "审计&lt;部&gt;" in boss.get("/departments/").text
    place = {"name": "审计处", "parent": str(organisation.finance.pk)}
    assert boss.post("/departments/audit/place", place).headers["Location"] == "/departments/audit/"
    made = read(organisation, "audit")
    assert (made.name, made.parent_id) == ("审计处", organisation.finance.pk)
    assert boss.post("/departments/audit/delete").headers["Location"] == "/departments/"
    assert boss.get("/departments/audit/").status_code == 404


def test_what_cannot_be_moved_or_deleted_says_why(organisation: Organisation, boss: Client) -> None:
    circle = {"name": "Finance", "parent": str(organisation.lending.pk)}
    refused(organisation, lambda: boss.post("/departments/finance/place", circle), 422)
    refused(organisation, lambda: boss.post("/departments/root/delete"), 409)
    organisation.member(organisation.energy)
    answer = boss.post("/departments/energy/delete", headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    assert "members (1)" in answer.text
    assert read(organisation, "energy").name == "Energy"


def test_what_is_not_empty_offers_no_deletion(organisation: Organisation, boss: Client) -> None:
    deletion = '<button class="button button--bad">'
    empty = boss.get("/departments/energy/", headers={"Accept-Language": "en"}).text
    assert deletion in empty
    organisation.member(organisation.energy)
    page = boss.get("/departments/energy/", headers={"Accept-Language": "en"}).text
    assert "<li>members (1)</li>" in page
    assert deletion not in page


def test_without_rights_above_there_is_no_moving(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET))
    page = client.get("/departments/finance/").text
    assert 'name="parent"' not in page
    client.post("/departments/finance/place", {"name": "Money", "parent": str(organisation.lending.pk)})
    moved = read(organisation, "finance")
    assert (moved.name, moved.parent_id) == ("Money", organisation.root.pk)


def test_the_appearance_is_set_and_passed_down(organisation: Organisation, boss: Client) -> None:
    data: dict[str, Any] = {"brand_name": "金融助手", "brand_color": "#0B6480", "logo": logo()}
    assert boss.post("/departments/finance/brand", data).headers["Location"] == "/departments/finance/"
    with tenant_scope(organisation.tenant.pk):
        worn = brands(tenant_id=organisation.tenant.pk).of(organisation.lending.pk)
    assert (worn.name, worn.color) == ("金融助手", "#0b6480")
    page = boss.get("/departments/lending/").text
    assert 'fill="#0b6480"' in page
    assert 'placeholder="#0b6480"' in page
    assert 'placeholder="#1d4ed8"' in boss.get("/departments/finance/").text
    assert "/api/v1/departments/lending/logo?v=" in page
    assert boss.get("/api/v1/departments/lending/logo").headers["Content-Type"] == "image/png"
    boss.post("/departments/finance/brand", {"do": "remove-logo"})
    with tenant_scope(organisation.tenant.pk):
        assert not DepartmentLogo.objects.exists()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"brand_color": "#ffff00"}, 422),
        ({"brand_color": "red"}, 422),
        ({"brand_color": '#000" onload="'}, 422),
        ({"brand_name": "x" * 61}, 422),
        ({"logo": SimpleUploadedFile("x.svg", b"<svg onload='alert(1)'/>")}, 415),
        ({"logo": SimpleUploadedFile("x.png", b"x" * 200_001)}, 413),
    ],
)
def test_what_cannot_be_shown_is_refused(
    organisation: Organisation, boss: Client, data: dict[str, Any], status: int
) -> None:
    before = read(organisation, "finance")
    answer = boss.post("/departments/finance/brand", data)
    assert answer.status_code == status
    after = read(organisation, "finance")
    assert (after.brand_name, after.brand_color) == (before.brand_name, before.brand_color)


def test_the_tree_asks_as_often_for_many_as_for_few(organisation: Organisation, boss: Client) -> None:
    few = queries_of(boss, "/departments/")
    with tenant_scope(organisation.tenant.pk):
        for number in range(12):
            department_create(
                tenant_id=organisation.tenant.pk,
                actor="system",
                slug=f"d{number}",
                name=f"D{number}",
                parent=organisation.energy,
            )
    assert queries_of(boss, "/departments/") == few
