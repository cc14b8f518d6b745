"""The small print of HTTP answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from inference.http import error_detail, retry_after_seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), (None, None), ("x", None)]
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value) == seconds


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)
    found = retry_after_seconds(format_datetime(later, usegmt=True))
    assert found is not None
    assert 55 < found <= 60


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"error": "plain"}', "plain"),
        (b'{"message": "flat"}', "flat"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b"<html>bad gateway", "<html>bad gateway"),
        (b'"text"', "text"),
        (b"\xff\xfe", "��"),
    ],
)
def test_error_detail(body: bytes, detail: str) -> None:
    assert error_detail(body) == detail
