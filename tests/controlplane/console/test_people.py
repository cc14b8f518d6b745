"""The pages about people: what an administrator does there, and what nobody else can."""

import csv
import html
import re
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from controlplane.audit.selectors import event_list
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.backends import EmailBackend
from controlplane.identity.models import User
from controlplane.tenants.models import Membership, Role
from tests.controlplane.console.pages import askers, mark_in, queries_of, refused, state
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.identity.test_administration import join
from tests.controlplane.organisations import PASSWORD, Organisation

HEAD = "email,name,department,role,clearance\n"


@pytest.fixture
def boss(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def membership_of(organisation: Organisation, user: User) -> Membership:
    with tenant_scope(organisation.tenant.pk):
        return Membership.objects.get(user=user)


def filled(organisation: Organisation, **changes: str) -> dict[str, str]:
    return {
        "account": "new",
        "email": f"{uuid4().hex}@example.org",
        "name": "李雷",
        "password": "",
        "department": str(organisation.finance.pk),
        "role": "member",
        "clearance": "internal",
        "once": uuid4().hex,
    } | changes


def posts(organisation: Organisation, user: User) -> list[tuple[str, dict[str, str]]]:
    membership = membership_of(organisation, user)
    at = f"/people/{user.pk}"
    return [
        ("/people/add", filled(organisation)),
        (f"{at}/join", filled(organisation, department=str(organisation.lending.pk))),
        (f"{at}/memberships/{membership.pk}", {"do": "save", "role": "manager", "clearance": "public"}),
        (f"{at}/memberships/{membership.pk}", {"do": "remove"}),
        (f"{at}/account", {"do": "deactivate"}),
        (f"{at}/password", {"password": ""}),
        ("/people/import/take-over", {"lines": f"{HEAD}{uuid4().hex}@x.org,A,finance,,"}),
    ]


def test_only_administrators_get_in_and_nobody_else_changes_anything(
    organisation: Organisation, other: Organisation
) -> None:
    user, by = organisation.member(organisation.energy), askers(organisation, other)
    for client in (by.member, by.manager):
        for address in ("/people/", "/people/add", "/people/import", "/people/export", f"/people/{user.pk}/"):
            assert client.get(address).status_code == 403
        for address, data in posts(organisation, user):
            refused(organisation, lambda a=address, d=data: client.post(a, d), 403)  # noqa: B023
    for address, data in posts(organisation, user)[1:-1]:
        for client in (by.department_admin, by.elsewhere):
            refused(organisation, lambda a=address, d=data: client.post(a, d), 404)  # noqa: B023
    assert by.elsewhere.get(f"/people/{user.pk}/").status_code == 404
    assert user.email not in by.elsewhere.get("/people/").text
    assert user.email not in by.department_admin.get("/people/").text
    assert user.email in by.tenant_admin.get("/people/").text


def test_a_department_of_another_is_no_place_to_add_to(
    organisation: Organisation, other: Organisation
) -> None:
    by = askers(organisation, other)
    for department in (organisation.energy, organisation.root, other.finance):
        data = filled(organisation, department=str(department.pk))
        refused(organisation, lambda d=data: by.department_admin.post("/people/add", d), 422)


def test_a_new_person_gets_a_password_that_is_shown_once(organisation: Organisation, boss: Client) -> None:
    page = boss.get("/people/add", headers={"Accept-Language": "zh-hans"})
    assert '<label for="id_name" class="is-required">姓名</label>' in page.text
    data = filled(organisation, once=mark_in(page))
    shown = boss.post("/people/add", data)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "private, no-store")
    password = re.search(r'<code id="secret">([\w-]+)</code>', shown.text)
    assert 'href="/people/add"' in shown.text
    assert password is not None
    user = EmailBackend().authenticate(None, username=data["email"], password=password[1])
    assert user is not None
    before = state(organisation)
    again = boss.post("/people/add", data)
    assert (again.status_code, again.headers["Location"]) == (302, "/people/")
    assert state(organisation) == before
    assert password[1] not in boss.get(f"/people/{user.pk}/").text


def test_a_person_who_is_known_is_not_made_anew(organisation: Organisation, boss: Client) -> None:
    user = organisation.member(organisation.energy)
    before = state(organisation)
    taken = boss.post("/people/add", filled(organisation, email=user.email))
    assert taken.status_code == 409
    assert "李雷" in taken.text
    assert state(organisation) == before
    joined = boss.post("/people/add", filled(organisation, email=user.email, account="existing", name=""))
    assert joined.headers["Location"] == f"/people/{user.pk}/"
    with tenant_scope(organisation.tenant.pk):
        assert Membership.objects.filter(user=user).count() == 2
    assert EmailBackend().authenticate(None, username=user.email, password=PASSWORD) is not None


def test_a_stranger_is_not_taken_over(organisation: Organisation, other: Organisation, boss: Client) -> None:
    stranger = other.member(other.finance)
    for account in ("new", "existing"):
        data = filled(organisation, email=stranger.email, account=account)
        refused(organisation, lambda d=data: boss.post("/people/add", d), 409)


def test_rights_are_changed_given_and_taken(organisation: Organisation, boss: Client) -> None:
    user = organisation.member(organisation.finance)
    membership = membership_of(organisation, user)
    at = f"/people/{user.pk}/"
    row = f"{at}memberships/{membership.pk}"
    assert boss.post(row, {"do": "save", "role": "admin", "clearance": "secret"}).headers["Location"] == at
    changed = membership_of(organisation, user)
    assert (changed.role, changed.clearance) == (Role.ADMIN, Secrecy.SECRET)
    data = filled(organisation, department=str(organisation.energy.pk))
    assert boss.post(f"{at}join", data).headers["Location"] == at
    assert boss.post(f"{at}join", data).status_code == 409
    assert boss.post(row, {"do": "remove"}).headers["Location"] == at
    last = membership_of(organisation, user)
    assert boss.post(f"{at}memberships/{last.pk}", {"do": "remove"}).headers["Location"] == "/people/"
    assert boss.get(at).status_code == 404


def test_rights_beyond_ones_own_are_not_given(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.INTERNAL))
    user = organisation.member(organisation.lending, Role.MEMBER, Secrecy.PUBLIC)
    row = f"/people/{user.pk}/memberships/{membership_of(organisation, user).pk}"
    for clearance in ("confidential", "secret", "x"):
        data = {"do": "save", "role": "member", "clearance": clearance}
        refused(organisation, lambda d=data: client.post(row, d), 422)


def test_the_last_administrator_stays(organisation: Organisation) -> None:
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    client, membership = signed_in(user), membership_of(organisation, user)
    row = f"/people/{user.pk}/memberships/{membership.pk}"
    refused(organisation, lambda: client.post(row, {"do": "remove"}), 409)
    refused(
        organisation, lambda: client.post(row, {"do": "save", "role": "member", "clearance": "secret"}), 409
    )
    refused(organisation, lambda: client.post(f"/people/{user.pk}/account", {"do": "deactivate"}), 409)


def test_an_account_is_ended_opened_and_given_a_new_password(
    organisation: Organisation, boss: Client
) -> None:
    user = organisation.member(organisation.finance, Role.MANAGER)
    own, at = signed_in(user), f"/people/{user.pk}/"
    assert own.get("/").status_code == 200
    shown = boss.post(f"{at}password", {"once": "a", "password": ""})
    assert '<code id="secret">' in shown.text
    assert own.get("/").status_code == 302
    before = state(organisation)
    assert boss.post(f"{at}password", {"once": "a", "password": ""}).headers["Location"] == at
    assert state(organisation) == before
    typed = boss.post(f"{at}password", {"once": "b", "password": "deep-water-2026"})
    assert typed.headers["Location"] == at
    assert EmailBackend().authenticate(None, username=user.email, password="deep-water-2026") is not None
    refused(organisation, lambda: boss.post(f"{at}password", {"once": "c", "password": "short"}), 422)
    assert boss.post(f"{at}account", {"do": "deactivate"}).headers["Location"] == at
    assert EmailBackend().authenticate(None, username=user.email, password="deep-water-2026") is None
    assert user.email in boss.get("/people/?state=inactive").text
    boss.post(f"{at}account", {"do": "reactivate"})
    assert user.email not in boss.get("/people/?state=inactive").text


def test_a_shared_account_says_why_it_is_not_decided_here(
    organisation: Organisation, other: Organisation, boss: Client
) -> None:
    user = organisation.member(organisation.finance)
    join(other, user, other.finance, Role.MEMBER, Secrecy.PUBLIC)
    page = boss.get(f"/people/{user.pk}/", headers={"Accept-Language": "en"})
    assert "also belongs to another organisation" in page.text
    assert 'id="deactivate"' not in page.text
    refused(organisation, lambda: boss.post(f"/people/{user.pk}/account", {"do": "deactivate"}), 409)
    refused(organisation, lambda: boss.post(f"/people/{user.pk}/password", {"password": ""}), 409)


def test_people_are_found_by_part_of_a_name_or_address(organisation: Organisation, boss: Client) -> None:
    user = organisation.member(organisation.finance, Role.MANAGER)
    with platform_scope():
        User.objects.filter(pk=user.pk).update(name="<b>欧阳</b>%_")
    hidden = organisation.member(organisation.energy)
    for asked in ("q=欧阳", f"q={user.email[3:12]}", f"department={organisation.finance.pk}", "role=manager"):
        page = boss.get(f"/people/?{asked}").text
        assert user.email in page
        assert hidden.email not in page
        assert "<b>欧阳" not in page
    assert user.email not in boss.get("/people/?q=%25%25").text
    for junk in ("department=x", "department=" + str(uuid4()), "role=%00", "q=%00", "state=x"):
        assert boss.get(f"/people/?{junk}").status_code == 200
    assert boss.get("/people/?cursor=nonsense").status_code == 422


def test_a_list_asks_as_often_for_many_as_for_few(organisation: Organisation, boss: Client) -> None:
    few = queries_of(boss, "/people/")
    for _ in range(12):
        join(
            organisation,
            organisation.member(organisation.finance),
            organisation.energy,
            Role.MANAGER,
            Secrecy.PUBLIC,
        )
    assert queries_of(boss, "/people/") == few


def upload(client: Client, text: str) -> Any:
    return client.post("/people/import", {"file": SimpleUploadedFile("p.csv", text.encode())})


def test_an_import_is_looked_at_and_then_taken_over_once(organisation: Organisation, boss: Client) -> None:
    email, before = f"{uuid4().hex}@example.org", state(organisation)
    seen = upload(boss, f"{HEAD}{email},=cmd(),finance,manager,\n")
    assert (seen.status_code, state(organisation)) == (200, before)
    lines = re.search(r'name="lines" value="([^"]*)"', seen.text)
    assert lines is not None
    data = {"lines": html.unescape(lines[1]), "once": mark_in(seen)}
    done = boss.post("/people/import/take-over", data)
    assert (done.status_code, done.headers["Cache-Control"]) == (200, "private, no-store")
    assert email in done.text
    after = state(organisation)
    assert boss.post("/people/import/take-over", data).headers["Location"] == "/people/"
    assert state(organisation) == after


def test_an_import_tells_the_columns_that_it_does_not_read(organisation: Organisation, boss: Client) -> None:
    line = f"{uuid4().hex}@example.org,A,finance,secret\n"
    seen = upload(boss, f"email,name,department,<b>Clearence\n{line}")
    assert "&lt;b&gt;Clearence" in seen.text
    assert "notice--warning" in seen.text
    assert "notice--warning" not in upload(boss, f"{HEAD}{uuid4().hex}@example.org,A,finance,,\n").text


def test_an_import_with_a_wrong_line_names_it_and_changes_nothing(
    organisation: Organisation, boss: Client
) -> None:
    text = f"{HEAD}{uuid4().hex}@example.org,A,finance,,\n\n<i>x</i>,A,nowhere,,\n"
    before = state(organisation)
    seen = upload(boss, text)
    assert seen.status_code == 200
    assert "<i>" not in seen.text
    assert 'name="lines"' not in seen.text
    refused(organisation, lambda: boss.post("/people/import/take-over", {"lines": text}), 422)
    assert state(organisation) == before


def exports(organisation: Organisation) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        return list(event_list(tenant_id=organisation.tenant.pk, action="people.exported"))


def test_an_export_holds_no_formula_and_nobody_elses_people(
    organisation: Organisation, other: Organisation, boss: Client
) -> None:
    user, stranger = organisation.member(organisation.finance), other.member(other.finance)
    with platform_scope():
        User.objects.filter(pk=user.pk).update(name="=HYPERLINK(1)")
    assert exports(organisation) == []
    answer = boss.get("/people/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[arg-type]
    rows = {row["email"]: row for row in csv.DictReader(StringIO(text))}
    assert rows[user.email]["name"] == "'=HYPERLINK(1)"
    assert rows[user.email]["department"] == "finance"
    assert stranger.email not in rows
    [event] = exports(organisation)
    assert (event.target, event.data) == (f"tenant:{organisation.tenant.pk}", {})
    finance = signed_in(organisation.member(organisation.lending, Role.ADMIN))
    seen = b"".join(finance.get("/people/export").streaming_content).decode()  # type: ignore[arg-type]
    assert user.email not in seen


def test_an_export_that_is_refused_leaves_no_event(organisation: Organisation) -> None:
    for role in (Role.MEMBER, Role.MANAGER):
        assert (
            signed_in(organisation.member(organisation.root, role)).get("/people/export").status_code == 403
        )
    assert exports(organisation) == []


def test_a_name_is_corrected_on_the_page_of_the_person(
    organisation: Organisation, other: Organisation
) -> None:
    by, user = askers(organisation, other), organisation.member(organisation.finance)
    address = f"/people/{user.pk}/rename"
    for client, status in ((by.member, 403), (by.manager, 403), (by.elsewhere, 404)):
        refused(organisation, lambda c=client: c.post(address, {"name": "x"}), status)
    wrong = by.tenant_admin.post(address, {"name": " "})
    assert (wrong.status_code, 'id="rename" aria-labelledby="rename-title" data-opened' in wrong.text) == (
        422,
        True,
    )
    done = by.tenant_admin.post(address, {"name": "李<冰>"})
    assert done.headers["Location"] == f"/people/{user.pk}/"
    assert "李&lt;冰&gt;" in by.tenant_admin.get(f"/people/{user.pk}/").text
    assert "changed the name of" in by.tenant_admin.get("/audit/").text


def test_everybody_has_an_account_of_their_own(organisation: Organisation) -> None:
    """Also who has nothing else to do in the console."""
    user = organisation.member(organisation.finance)
    client = signed_in(user)
    page = client.get("/account")
    assert (page.status_code, user.email in page.text, 'href="/password"' in page.text) == (200, True, True)
    assert client.post("/account", {"name": ""}).status_code == 422
    assert client.post("/account", {"name": "李冰"}).headers["Location"] == "/account"
    assert 'value="李冰"' in client.get("/account").text
    assert Client().get("/account").status_code == 302


def test_who_belongs_nowhere_can_still_sign_out(organisation: Organisation) -> None:
    """The chat leads there, as it has nothing for them, and neither has the start."""
    with platform_scope():
        user = User.objects.create(email=f"{uuid4().hex}@example.org", name="李冰")
    page = signed_in(user).get("/account")
    assert (page.status_code, 'action="/sign-out"' in page.text) == (200, True)


def test_the_help_of_the_file_is_in_the_language_of_its_reader(boss: Client) -> None:
    """Whatever the language of whoever opened the page, or started the platform, before."""
    for _ in range(2):
        for accepted, words in (("en", "with these columns in the first line"), ("zh-CN", "首行")):
            page = boss.get("/people/import", headers={"Accept-Language": accepted}).text
            assert (words in page, "email, name, department" in page) == (True, True)
