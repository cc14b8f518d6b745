"""REST and command of the price books: who reads, who imports, and that a refusal changed nothing."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from controlplane.identity.models import KeyScope
from controlplane.serving.models import PriceBook
from tests.controlplane.console.pages import askers, signed_in
from tests.controlplane.organisations import Organisation, platform_admin
from tests.controlplane.serving.prices import book_text

BOOKS = "/api/v1/price-books"
EXAMPLE = {"example": "deepseek-example"}


def post(client: Any, body: dict[str, Any], **headers: str) -> Any:
    return client.post(BOOKS, body, content_type="application/json", headers=headers)


@pytest.fixture
def boss(db: None) -> Any:
    return signed_in(platform_admin())


def test_only_the_platforms_administrators_import(organisation: Organisation, other: Organisation) -> None:
    by = askers(organisation, other)
    key = organisation.key(organisation.root, *KeyScope.values).client
    for client in (by.member, by.manager, by.department_admin, by.tenant_admin):
        assert post(client, EXAMPLE).status_code == 403
    assert key.post(BOOKS, EXAMPLE, format="json").status_code == 403
    assert APIClient().post(BOOKS, EXAMPLE, format="json").status_code == 401
    assert PriceBook.objects.count() == 0


def test_administrators_read(organisation: Organisation, other: Organisation, boss: Any) -> None:
    made = post(boss, EXAMPLE)
    assert made.status_code == 201, made.content
    address = f"{BOOKS}/{made.json()['id']}"
    by = askers(organisation, other)
    for client in (by.member, by.manager, by.department_admin):
        assert [client.get(each).status_code for each in (BOOKS, address)] == [403, 403]
    for client in (by.tenant_admin, boss, organisation.key(organisation.root, KeyScope.ADMIN).client):
        [row] = client.get(BOOKS).json()["results"]
        assert (row["book"], row["version"], row["valid_until"]) == ("deepseek-2025-02", 1, None)
        assert "content" not in row
        detail = client.get(address).json()
        assert "[[models]]" in detail["content"]
        night = {"window": "off-peak", "input": "1", "cached_input": "0.25", "output": "4"}
        assert detail["models"][1]["prices"][1] == night
        assert "deepseek-r1" in detail["models"][1]["names"]
    assert boss.get(f"{BOOKS}/{organisation.root.pk}").status_code == 404


def test_versions_are_added_and_the_same_file_once(boss: Any) -> None:
    body = {"content": book_text()}
    first, again = post(boss, body), post(boss, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    second = post(boss, {"content": book_text(price="5"), "from_now": True})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    page = boss.get(BOOKS, {"limit": "1"}).json()
    assert [row["version"] for row in page["results"]] == [2]
    assert [row["version"] for row in boss.get(page["next"]).json()["results"]] == [1]


def test_a_repeated_request_imports_once(boss: Any) -> None:
    for price in ("4", "4"):
        answer = post(boss, {"content": book_text(price=price)}, **{"Idempotency-Key": "one"})
        assert answer.status_code == 201
    assert PriceBook.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"content": book_text(price="-1")}, "content", "price_book_invalid"),
        ({"content": "[" * 5000}, "content", "price_book_invalid"),
        ({}, "content", "invalid_field"),
        ({**EXAMPLE, "content": book_text()}, "content", "invalid_field"),
        ({"example": "openai"}, "example", "invalid_field"),
    ],
)
def test_bad_input_names_its_field(boss: Any, body: dict[str, Any], field: str, code: str) -> None:
    answer = post(boss, body)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert PriceBook.objects.count() == 0


def run(*args: str) -> str:
    written = StringIO()
    call_command("price_book", *args, stdout=written)
    return written.getvalue()


def test_the_command_loads_and_lists(db: None, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(book_text(), "utf-8")
    assert run("load", str(file)).startswith("own@1 CNY 2019-12-31T16:00:00+00:00 – …")
    assert "there already" in run("load", str(file))
    assert run("load", "deepseek-example").startswith("deepseek-2025-02@1 CNY ")
    assert [line.split()[0] for line in run("list").splitlines()] == ["deepseek-2025-02@1", "own@1"]
    file.write_text(book_text(price="cheap"), "utf-8")
    with pytest.raises(CommandError, match=r"models\[0\].standard.input_miss: not a number"):
        run("load", str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        run("load", str(tmp_path / "none.toml"))
    assert PriceBook.objects.count() == 2
