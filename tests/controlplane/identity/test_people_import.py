"""A list of people is taken over whole or not at all, and gives nobody more than its sender holds."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from controlplane.core.csv_export import csv_text
from controlplane.core.problems import Forbidden, InvalidInput
from controlplane.core.scope import platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.backends import EmailBackend
from controlplane.identity.models import KeyScope, User
from controlplane.identity.people_file import (
    COLUMNS,
    MOST_LINES,
    PeopleLine,
    headings_passed_over,
    people_lines,
)
from controlplane.identity.people_import import ImportPlan, people_import, people_plan
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Membership, Role
from controlplane.tenants.services import department_create
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Organisation

HEAD = "email,name,department,role,clearance\n"


def new() -> str:
    return f"{uuid4().hex}@example.org"


def boss(organisation: Organisation, clearance: Secrecy = Secrecy.SECRET) -> Principal:
    return principal_of_user(user=organisation.member(organisation.root, Role.ADMIN, clearance))


def planned(principal: Principal, text: str) -> ImportPlan:
    with scoped(principal.scope()):
        return people_plan(principal=principal, lines=people_lines(content=(HEAD + text).encode()))


def state(organisation: Organisation) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        return list(Membership.objects.order_by("pk").values_list("user", "department", "role", "clearance"))


def people() -> int:
    with platform_scope():
        return User.objects.count()


def test_a_line_is_read_as_spreadsheets_write_it() -> None:
    text = "邮箱;姓名;部门;角色;密级\r\nLi@Example.org ;李雷;finance;知识管理员;机密\r\n;;;;\r\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        [line] = people_lines(content=text.encode(encoding))
        assert (line.number, line.email, line.name) == (2, "li@example.org", "李雷")
        assert (line.role, line.clearance) == ("知识管理员", "机密")


@pytest.mark.parametrize(
    "headings",
    ["E-mail,Full name,Department,Role,Clearance", "邮箱,姓名,部门,角色,密级权限", ",".join(COLUMNS)],
)
def test_columns_are_named_as_the_pages_name_them(headings: str) -> None:
    content = f"{headings}\nli@example.org,李雷,finance,manager,secret\n".encode()
    [line] = people_lines(content=content)
    assert line == PeopleLine(2, "li@example.org", "李雷", "finance", "manager", "secret")
    assert headings_passed_over(content=content) == []


def test_columns_that_mean_nothing_are_told_but_for_those_of_an_export() -> None:
    content = b"email,Clearence,department,,active,last_sign_in,No.\nli@example.org,secret,finance,,,,7\n"
    assert headings_passed_over(content=content) == ["Clearence", "No."]
    [line] = people_lines(content=content)
    assert line.clearance == ""


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (HEAD.encode(), "file_empty"),
        (b"name,department\nx,y\n", "headings_missing"),
        (b"\xff\xfe\x00\x01", "not_text"),
        (HEAD.encode() + b'"a\n', "not_csv"),
        (HEAD.encode() + b"a@b.c,A,x\n" * (MOST_LINES + 1), "too_many_lines"),
        (b"x" * 600_000, "file_too_large"),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        people_lines(content=content)
    assert (refused.value.code, refused.value.field) == (code, "file")


def test_everything_is_taken_over(organisation: Organisation) -> None:
    principal, known = boss(organisation), organisation.member(organisation.finance)
    first = new()
    text = (
        f"{first},李雷,finance,manager,confidential\n{first},李雷,Energy,,\n"
        f"{known.email},,lending,member,public\n{known.email},,finance,管理员,internal\n"
    )
    assert [line.outcome for line in planned(principal, text).lines] == ["new", "new", "join", "change"]
    with scoped(principal.scope()):
        done = people_import(principal=principal, lines=people_lines(content=(HEAD + text).encode()))
        again = people_plan(principal=principal, lines=people_lines(content=(HEAD + text).encode()))
    assert {line.outcome for line in again.lines} == {"same"}
    [initial] = done.passwords
    assert (initial.email, initial.name) == (first, "李雷")
    user = EmailBackend().authenticate(None, username=first, password=initial.password)
    assert user is not None
    with tenant_scope(organisation.tenant.pk):
        given = Membership.objects.filter(user=user).order_by("department__slug")
        assert [(m.department.slug, m.role, m.clearance) for m in given] == [
            ("energy", "member", 1),
            ("finance", "manager", 2),
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense,A,finance,,",
        "{new},,finance,,",
        "{new},A,nowhere,,",
        "{new},A,finance,king,",
        "{new},A,finance,,cosmic",
        "{new},A,finance,,secret",
        "{known},,finance,,\n{known},,finance,,",
        "{stranger},A,finance,,",
        "{new}," + "A" * 201 + ",finance,,",
    ],
)
def test_one_wrong_line_leaves_everything_as_it_was(
    organisation: Organisation, other: Organisation, wrong: str
) -> None:
    principal = boss(organisation, Secrecy.INTERNAL)
    stranger, known = other.member(other.finance), organisation.member(organisation.energy)
    line = wrong.format(new=new(), stranger=stranger.email, known=known.email)
    text = f"{new()},A,finance,,\n{line}\n"
    before, count = state(organisation), people()
    assert len(planned(principal, text).errors) == 1
    with pytest.raises(InvalidInput) as refused, scoped(principal.scope()):
        people_import(principal=principal, lines=people_lines(content=(HEAD + text).encode()))
    assert refused.value.code == "import_has_errors"
    assert [e["line"] for e in refused.value.extra["lines"]] == [text.count("\n") + 1]
    assert (state(organisation), people()) == (before, count)


def test_an_administrator_of_a_department_fills_only_what_is_beneath_it(organisation: Organisation) -> None:
    principal = principal_of_user(user=organisation.member(organisation.finance, Role.ADMIN))
    plan = planned(principal, f"{new()},A,lending,,\n{new()},A,energy,,\n{new()},A,root,,\n")
    assert [line.outcome for line in plan.lines] == ["new", "error", "error"]


def test_a_key_brings_in_nobody(organisation: Organisation) -> None:
    key = organisation.key(organisation.root, *KeyScope.values, clearance=Secrecy.SECRET)
    with pytest.raises(Forbidden, match="key_sets_password"):
        planned(key.principal, f"{new()},A,finance,,\n")


def test_a_plan_asks_as_often_for_many_lines_as_for_few(organisation: Organisation) -> None:
    principal = boss(organisation)
    asked = []
    for count in (1, 100):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            planned(principal, "".join(f"{new()},A,finance,,\n" for _ in range(count)))
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_the_api_tells_first_and_takes_over_then(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    email, before = new(), state(organisation)
    told = sent(client, f"{email},A,finance,,\n", dry_run="true")
    assert told.json() == {
        "lines": [{"line": 2, "email": email, "outcome": "new", "error": ""}],
        "passwords": [],
    }
    assert state(organisation) == before
    done = sent(client, f"{email},A,finance,,\n")
    assert (done.status_code, done.headers["Cache-Control"]) == (200, "no-store")
    assert [p["email"] for p in done.json()["passwords"]] == [email]
    assert len(state(organisation)) == len(before) + 1


def sent(client: APIClient, text: str, **fields: str) -> Any:
    file = SimpleUploadedFile("people.csv", (HEAD + text).encode(), "text/csv")
    return client.post("/api/v1/people/import", {"file": file, **fields}, format="multipart")


def test_an_empty_role_or_clearance_leaves_what_somebody_has(organisation: Organisation) -> None:
    principal = boss(organisation)
    known = organisation.member(organisation.finance, Role.MANAGER, Secrecy.CONFIDENTIAL)
    before = state(organisation)
    assert [line.outcome for line in planned(principal, f"{known.email},,finance,,").lines] == ["same"]
    for text, expected in (
        (f"{known.email},,finance,,", ("manager", 2)),
        (f"{known.email},,finance,,public", ("manager", 0)),
        (f"{known.email},,finance,admin,", ("admin", 0)),
        (f"{known.email},,lending,,", ("member", 1)),  # new there
    ):
        with scoped(principal.scope()):
            people_import(principal=principal, lines=people_lines(content=(HEAD + text).encode()))
        with tenant_scope(organisation.tenant.pk):
            given = Membership.objects.get(user=known, department__slug=text.split(",")[2])
        assert (given.role, given.clearance) == expected, text
    assert len(state(organisation)) == len(before) + 1


def test_a_file_without_these_columns_changes_nobody(organisation: Organisation) -> None:
    principal, known = boss(organisation), organisation.member(organisation.finance, Role.ADMIN)
    content = f"email,department\n{known.email},finance\n".encode()
    with scoped(principal.scope()):
        plan = people_plan(principal=principal, lines=people_lines(content=content))
    assert [line.outcome for line in plan.lines] == ["same"]


@pytest.mark.parametrize(
    "name", ["=cmd()", "-Li", "@Li", "+86 138", "＝李", "'-Li", "''=x", "O'Neil", "'Li'"]
)
def test_a_name_comes_back_from_our_own_export_as_it_was(organisation: Organisation, name: str) -> None:
    text = csv_text([COLUMNS, (new(), name, "finance", "member", "internal")])
    [line] = people_lines(content=text.encode())
    assert line.name == name


def test_departments_are_found_in_whatever_case(organisation: Organisation) -> None:
    with tenant_scope(organisation.tenant.pk):
        own = {"tenant_id": organisation.tenant.pk, "actor": "system", "parent": organisation.root}
        for slug in ("HQ", "Twin", "tWIN"):
            department_create(**own, slug=slug, name=f"department {slug.swapcase()}")
    text = "".join(
        f"{new()},A,{key},,\n" for key in ("HQ", "hq", "Finance", "FINANCE", "Twin", "tWIN", "twin")
    )
    lines = planned(boss(organisation), text).lines
    found = [line.department.slug if line.department else line.outcome for line in lines]
    assert found == ["HQ", "HQ", "finance", "finance", "Twin", "tWIN", "error"]
