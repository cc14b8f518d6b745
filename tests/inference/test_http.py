"""The small print of HTTP answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from inference.errors import ContextTooLong, EngineRejected
from inference.http import error_detail, retry_after_seconds, status_error


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


@pytest.mark.parametrize(
    "detail",
    [
        "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "request (3000 tokens) exceeds the available context size (2048 tokens), try increasing it",
    ],
)
def test_a_context_that_is_too_long_has_a_name(detail: str) -> None:
    body = json.dumps({"error": {"message": detail}}).encode()
    error = status_error(status=400, body=body, headers={}, where="http://engine")
    assert isinstance(error, ContextTooLong)
    assert error.detail == detail
    other = status_error(status=400, body=b'{"error": {"message": "bad"}}', headers={}, where="http://engine")
    assert type(other) is EngineRejected
