"""Exports: numbers stay numbers, nothing becomes a formula, and no more than a block is ever held."""

import asyncio
import csv
from io import StringIO

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory

from controlplane.core.csv_export import Block, csv_response, csv_text, unguarded


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "=HYPERLINK(“x”)",
        "-",
        "\n=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠A1",
    ],
)
def test_a_text_that_would_be_a_formula_is_marked_as_text(text: str) -> None:
    [row] = csv.reader(StringIO(csv_text([[text]]), newline=""))
    assert row == [f"'{text}"]


@pytest.mark.parametrize(
    "cell", ["a=1", "2026-11-25", "", "渠", 'say "no"', "a,b", "two\nlines", " =1", "'a'", "'"]
)
def test_other_texts_are_as_they_are(cell: str) -> None:
    [row] = csv.reader(StringIO(csv_text([[cell]]), newline=""))
    assert row == [cell]


@pytest.mark.parametrize("text", ["=1", "'=1", "''-", "a", "'a", "", "'", "＝", "\n+"])
def test_what_was_marked_is_read_back_as_it_was(text: str) -> None:
    [[cell]] = csv.reader(StringIO(csv_text([[text]]), newline=""))
    assert unguarded(cell) == text


@pytest.mark.parametrize("text", ["'=1", "''＠"])
def test_a_text_that_has_a_mark_gets_another(text: str) -> None:
    assert csv_text([[text]]) == f"'{text}\r\n"


def test_numbers_stay_numbers() -> None:
    assert csv_text([[-1, 2.5, None, 0]]) == "-1,2.5,,0\r\n"


def read(following: int | None) -> Block[int]:
    start = following or 0
    return Block([[start], [start + 1]], start + 2 if start < 4 else None)


def test_the_file_begins_with_a_mark_for_excel_and_is_an_attachment() -> None:
    request = RequestFactory().get("/")
    response = csv_response(request=request, filename="用量.csv", header=["n"], read=read)
    assert b"".join(response.streaming_content) == b"\xef\xbb\xbfn\r\n0\r\n1\r\n2\r\n3\r\n4\r\n5\r\n"  # type: ignore[arg-type]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%E7%94%A8")


def test_a_block_is_read_only_when_the_one_before_it_was_sent() -> None:
    asked: list[int | None] = []

    def counting(following: int | None) -> Block[int]:
        asked.append(following)
        return read(following)

    async def first_two() -> None:
        request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, StringIO())
        response = csv_response(request=request, filename="x.csv", header=["n"], read=counting)
        assert response.is_async
        blocks = aiter(response)
        assert await anext(blocks) == b"\xef\xbb\xbfn\r\n"
        assert asked == []
        assert await anext(blocks) == b"0\r\n1\r\n"

    asyncio.run(first_two())
    assert asked == [None]
