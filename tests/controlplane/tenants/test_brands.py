"""Brands of departments: set by who administers, inherited from above, readable, and nothing of a hostile picture."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.chat.models import Conversation
from controlplane.core.problems import InvalidInput, Problem
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope
from controlplane.identity.services import api_key_revoke
from controlplane.metering.departments import department_obstacles
from controlplane.metering.models import HourlyUsage
from controlplane.tenants.brands import DEFAULT_COLOR
from controlplane.tenants.colors import LEAST_CONTRAST, check_brand_color, contrast_with_white, darkened
from controlplane.tenants.logos import normalised_logo
from controlplane.tenants.models import Department, DepartmentLogo, Role
from controlplane.tenants.services import department_create
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.knowledge import make_assistant, make_base
from tests.controlplane.organisations import Organisation

API = "/api/v1/departments"


def picture(
    format_: str = "PNG", size: tuple[int, int] = (40, 20), color: str = "#204080", **how: Any
) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, format_, **how)
    return buffer.getvalue()


def admin_of(organisation: Organisation, department: Department) -> APIClient:
    return signed_in(organisation.member(department, Role.ADMIN, Secrecy.SECRET))


def change(client: APIClient, department: str, **changes: Any) -> Any:
    return client.patch(f"{API}/{department}", changes, format="json")


def put_logo(client: APIClient, department: str, content: bytes, name: str = "logo.png") -> Any:
    file = SimpleUploadedFile(name, content)
    return client.put(f"{API}/{department}/logo", {"file": file}, format="multipart")


def brand_of(client: APIClient, slug: str = "credit") -> Any:
    listed = client.get("/api/v1/assistants").json()["results"]
    [found] = [row["brand"] for row in listed if row["slug"] == slug]
    assert client.get(f"/api/v1/assistants/{slug}").json()["brand"] == found
    return found


def events(organisation: Organisation) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        return list(event_list(tenant_id=organisation.tenant.pk).order_by("sequence"))


# Colours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("color", "contrast"), [("#000000", 21.0), ("#ffffff", 1.0), ("#767676", 4.54), ("#777777", 4.48)]
)
def test_contrast_is_that_of_wcag(color: str, contrast: float) -> None:
    assert contrast_with_white(color=color) == pytest.approx(contrast, abs=0.01)


def test_the_platforms_own_colour_passes() -> None:
    check_brand_color(color=DEFAULT_COLOR)


@pytest.mark.parametrize("color", ["#ffffff", "#ffd600", "#00ff00", "#ff8080", "#777777", "#00a3e0"])
def test_a_light_colour_is_refused_with_one_that_passes(color: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_brand_color(color=color)
    [nearest] = re.findall("#[0-9a-f]{6}", str(raised.value.remedy))
    assert raised.value.extra["nearest"] == nearest
    assert LEAST_CONTRAST <= contrast_with_white(color=nearest) < LEAST_CONTRAST + 0.15
    check_brand_color(color=nearest)
    assert darkened(color=nearest) == nearest


# Setting and inheriting --------------------------------------------------------------------------------------------


@pytest.fixture
def asked(organisation: Organisation) -> APIClient:
    """Somebody who may use the assistant of lending, which stands beneath finance, and nothing above it."""
    make_assistant(department=organisation.lending, slug="credit", bases=[])
    return organisation.key(organisation.lending, KeyScope.CHAT).client


def test_what_is_set_nowhere_is_the_departments_name(organisation: Organisation, asked: APIClient) -> None:
    assert brand_of(asked) == {"name": "Lending", "color": DEFAULT_COLOR, "logo_url": None}
    missing = asked.get(f"{API}/lending/logo")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_logo")


def test_a_brand_is_inherited_where_it_is_empty(organisation: Organisation, asked: APIClient) -> None:
    admin = admin_of(organisation, organisation.root)
    changed = change(admin, "root", brand_name="渠源银行", brand_color="#8A1538")
    assert (changed.status_code, changed.json()["brand_color"]) == (200, "#8a1538")
    assert put_logo(admin, "finance", picture()).status_code == 204
    brand = brand_of(asked)
    assert (brand["name"], brand["color"]) == ("渠源银行", "#8a1538")
    change(admin, "lending", brand_name="信贷助手")
    assert brand_of(asked)["name"] == "信贷助手"
    assert brand["logo_url"].startswith(f"{settings.BASE_URL}{API}/lending/logo?v=")
    shown = asked.get(brand["logo_url"].removeprefix(settings.BASE_URL))
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/png")
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown["Cache-Control"].startswith("private")
    known = asked.get(f"{API}/lending/logo", HTTP_IF_NONE_MATCH=shown["ETag"], HTTP_ACCEPT="image/png")
    assert (known.status_code, known.content) == (304, b"")
    put_logo(admin, "lending", picture(color="#ff0000"))
    own = brand_of(asked)["logo_url"]
    assert own != brand["logo_url"]
    assert admin.delete(f"{API}/lending/logo").status_code == 204
    assert brand_of(asked)["logo_url"] == brand["logo_url"]
    change(admin, "lending", brand_name="")
    assert brand_of(asked)["name"] == "渠源银行"


def test_every_change_is_audited_and_no_change_is_not(organisation: Organisation) -> None:
    admin = admin_of(organisation, organisation.root)
    before = len(events(organisation))
    change(admin, "lending", name="信贷部", brand_color="#8a1538")
    change(admin, "lending", name="信贷部")
    put_logo(admin, "lending", picture())
    for _ in range(2):
        admin.delete(f"{API}/lending/logo")
    told = events(organisation)[before:]
    assert [event.action for event in told] == [
        "department.changed",
        "department.logo_set",
        "department.logo_removed",
    ]
    assert told[0].data == {"name": "信贷部", "brand_color": "#8a1538"}
    assert admin.get(f"{API}/lending").json()["name"] == "信贷部"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"brand_color": "#ffd600"}, "brand_color", "brand_color_contrast"),
        ({"brand_color": "red"}, "brand_color", "invalid_field"),
        ({"brand_color": "#12345"}, "brand_color", "invalid_field"),
        ({"brand_color": "#000000\n"}, "brand_color", "invalid_field"),
        ({"brand_color": "#000000;background:url(//x)"}, "brand_color", "invalid_field"),
        ({"brand_name": "x" * 61}, "brand_name", "invalid_field"),
        ({"name": ""}, "name", "invalid_field"),
    ],
)
def test_wrong_changes_name_the_field(
    organisation: Organisation, changes: dict[str, str], field: str, code: str
) -> None:
    admin = admin_of(organisation, organisation.root)
    refused = change(admin, "lending", **{"name": "new", **changes})
    if refused.status_code == 200:  # the newline is white space to the form, and not kept
        assert refused.json()["brand_color"] == "#000000"
        return
    assert (refused.status_code, refused.json()["field"], refused.json()["code"]) == (422, field, code)
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.get(pk=organisation.lending.pk).name == "Lending"


def members(organisation: Organisation) -> dict[str, APIClient]:
    return {
        "member": signed_in(organisation.member(organisation.lending)),
        "manager": signed_in(organisation.member(organisation.lending, Role.MANAGER)),
        "chat key": organisation.key(organisation.lending, KeyScope.CHAT).client,
    }


def test_only_who_administers_changes_anything(organisation: Organisation) -> None:
    put_logo(admin_of(organisation, organisation.root), "lending", picture())
    elsewhere = admin_of(organisation, organisation.energy)
    before = len(events(organisation))
    for name, client in {**members(organisation), "elsewhere": elsewhere}.items():
        for answer in (
            change(client, "lending", name="taken"),
            put_logo(client, "lending", picture(color="#ffffff")),
            client.delete(f"{API}/lending/logo"),
            client.delete(f"{API}/lending"),
        ):
            assert answer.status_code in ((404,) if name == "elsewhere" else (403,)), name
    beneath = admin_of(organisation, organisation.lending)
    for answer in (change(beneath, "finance", name="taken"), put_logo(beneath, "finance", picture())):
        assert answer.status_code == 404
    told = [event.action for event in events(organisation)[before:]]
    assert not any(action.startswith("department.") for action in told)
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.get(pk=organisation.lending.pk).name == "Lending"
        assert DepartmentLogo.objects.count() == 1


def test_a_list_reads_brands_once(organisation: Organisation, django_assert_max_num_queries: Any) -> None:
    client = organisation.key(organisation.finance, KeyScope.CHAT).client
    for number in range(6):
        make_assistant(department=organisation.lending, slug=f"a-{number}", bases=[])
    with django_assert_max_num_queries(15):
        assert len(client.get("/api/v1/assistants").json()["results"]) == 6


# Logos -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew(format_: str) -> None:
    hidden = b"<script>alert(1)</script>"
    drawn = normalised_logo(content=picture(format_) + hidden)
    image = Image.open(io.BytesIO(drawn))
    assert (image.format, image.size) == ("PNG", (40, 20))
    assert hidden not in drawn


def test_what_a_picture_says_of_itself_is_not_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at the vault"
    exif[0x0112] = 6  # turned by a quarter
    content = picture("JPEG", exif=exif.tobytes())
    drawn = normalised_logo(content=content)
    assert b"vault" in content
    assert b"vault" not in drawn
    assert Image.open(io.BytesIO(drawn)).size == (20, 40)


def test_a_large_logo_is_made_smaller() -> None:
    drawn = Image.open(io.BytesIO(normalised_logo(content=picture(size=(1600, 800)))))
    assert drawn.size == (512, 256)


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels, by what it says."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (bomb, "logo_too_many_pixels"),
        (lambda: picture(size=(2001, 2000)), "logo_too_many_pixels"),
        (lambda: SVG, "unsupported_logo"),
        (lambda: picture("GIF"), "unsupported_logo"),
        (lambda: picture("BMP"), "unsupported_logo"),
        (lambda: b"", "unsupported_logo"),
        (lambda: picture()[:60], "corrupt_logo"),
        (lambda: bytes(200_001), "logo_too_large"),
    ],
)
def test_what_is_no_logo_is_refused(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(Problem) as raised:
        normalised_logo(content=make())
    assert (raised.value.code, raised.value.field) == (code, "file")
    assert raised.value.remedy


def test_a_refused_logo_leaves_the_one_that_is_there(organisation: Organisation) -> None:
    admin = admin_of(organisation, organisation.root)
    put_logo(admin, "lending", picture())
    before = admin.get(f"{API}/lending/logo").content
    assert put_logo(admin, "lending", SVG, "logo.svg").status_code == 415
    assert put_logo(admin, "lending", bytes(3_000_000)).status_code == 413
    assert admin.put(f"{API}/lending/logo", {}, format="multipart").json()["field"] == "file"
    assert admin.get(f"{API}/lending/logo").content == before


# Deleting ----------------------------------------------------------------------------------------------------------


def test_an_empty_department_is_deleted(organisation: Organisation) -> None:
    admin = admin_of(organisation, organisation.root)
    key = organisation.key(organisation.lending)
    with tenant_scope(organisation.tenant.pk):
        row = ApiKey.objects.get(pk=key.principal.actor.removeprefix("key:"))
        HourlyUsage.objects.create(
            tenant=organisation.tenant,
            department=organisation.lending,
            hour=datetime(2026, 11, 2, 9, tzinfo=UTC),
            first_token=[],
            total=[],
        )
        assert department_obstacles(department=organisation.lending) == {"API keys": 1}
        api_key_revoke(principal=organisation.system(), key=row)
        assert department_obstacles(department=organisation.lending) == {}
    put_logo(admin, "lending", picture())
    assert admin.delete(f"{API}/lending").status_code == 204
    assert admin.get(f"{API}/lending").status_code == 404
    with tenant_scope(organisation.tenant.pk):
        assert not DepartmentLogo.objects.exists()
        assert not ApiKey.objects.filter(pk=row.pk).exists()
    last = events(organisation)[-1]
    assert (last.action, last.data) == ("department.deleted", {"slug": "lending"})


def test_past_conversations_do_not_keep_a_department(organisation: Organisation) -> None:
    with tenant_scope(organisation.tenant.pk):
        conversation = Conversation.objects.create(
            tenant=organisation.tenant, actor="user:1", department=organisation.lending
        )
    assert admin_of(organisation, organisation.root).delete(f"{API}/lending").status_code == 204
    with tenant_scope(organisation.tenant.pk):
        assert Conversation.objects.get(pk=conversation.pk).department_id == organisation.finance.pk


def test_what_is_in_the_way_is_said(organisation: Organisation) -> None:
    admin = admin_of(organisation, organisation.root)
    organisation.member(organisation.lending)
    organisation.key(organisation.lending)
    make_base(department=organisation.lending, name="rules", texts=[])
    make_assistant(department=organisation.lending, slug="credit", bases=[])
    with tenant_scope(organisation.tenant.pk):
        department_create(
            tenant_id=organisation.tenant.pk, actor="system", slug="x", name="X", parent=organisation.lending
        )
    before = len(events(organisation))
    refused = admin.delete(f"{API}/lending")
    body = refused.json()
    assert (refused.status_code, body["code"]) == (409, "department_not_empty")
    assert body["contents"] == {
        "members": 1,
        "API keys": 1,
        "knowledge bases": 1,
        "assistants": 1,
        "departments beneath it": 1,
    }
    assert all(kind in body["detail"] for kind in body["contents"])
    assert department_obstacles(department=organisation.lending) == body["contents"]
    assert len(events(organisation)) == before
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.filter(pk=organisation.lending.pk).exists()


def test_the_root_stays(organisation: Organisation) -> None:
    refused = admin_of(organisation, organisation.root).delete(f"{API}/root")
    assert (refused.status_code, refused.json()["code"]) == (409, "department_root")


def test_a_department_that_is_not_there_is_not_deleted(organisation: Organisation) -> None:
    admin = admin_of(organisation, organisation.root)
    for name in ("nope", uuid4()):
        assert admin.delete(f"{API}/{name}").status_code == 404


def test_who_only_reads_a_department_sees_it(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.lending))
    assert client.get(f"{API}/lending").json()["parent"] == "finance"
    assert client.get(f"{API}/finance").status_code == 404
