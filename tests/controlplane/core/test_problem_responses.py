"""Whatever goes wrong, wherever: the answer is a problem document in the caller's language."""

import json
import os
import subprocess
import sys

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.test import Client, RequestFactory
from django.urls import get_resolver
from psycopg import errors

from controlplane.core.problem_responses import problem_of_database
from controlplane.core.problems import Conflict, sentences
from deploy.embedded.ports import LOOPBACK, find_free
from tests.conftest import ROOT

ASK = """
import django, json
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
responses = [
    client.get("/api/v1/me", HTTP_AUTHORIZATION="Bearer kz_x"),
    client.post("/api/v1/session", {"email": "a@example.org", "password": "x"}, "application/json"),
]
print(json.dumps([[r.status_code, dict(r.headers), r.json()] for r in responses]))
"""


def test_a_database_that_refuses_connections_is_503() -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "controlplane.settings.test",
        "KAREZ_DATABASE_URL": f"postgresql://karez_app:x@{LOOPBACK}:{find_free()}/karez",
        "KAREZ_DATABASE_POOL": "0",
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == 2
    for status, headers, body in answers:
        assert (status, body["code"]) == (503, "database_unavailable")
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("language", "detail"), [("en", "There is nothing at this address."), ("zh-hans", "该地址不存在。")]
)
def test_an_unknown_address_is_a_problem_document(language: str, detail: str) -> None:
    response = Client().get("/nowhere", HTTP_ACCEPT_LANGUAGE=language)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["code"] == "not_found"
    assert response.json()["detail"] == detail


def test_a_malformed_host_is_a_problem_document() -> None:
    response = Client().get("/api/v1/me", HTTP_HOST="a b")
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["code"] == "bad_request"


@pytest.mark.parametrize(("status", "code"), [(403, "forbidden"), (500, "internal_error")])
def test_other_errors_are_problem_documents(status: int, code: str) -> None:
    handler = get_resolver().resolve_error_handler(status)
    arguments = [] if status == 500 else [Exception()]
    response = handler(RequestFactory().get("/"), *arguments)
    body = json.loads(response.content)
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"urn:karez:problem:{code}"


@pytest.mark.parametrize(
    ("error", "cause", "status", "code"),
    [
        (OperationalError(), None, 503, "database_unavailable"),
        (OperationalError(), errors.DeadlockDetected(), 409, "conflict"),
        (OperationalError(), errors.LockNotAvailable(), 409, "conflict"),
        (DataError(), None, 422, "invalid_value"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), None, 422, "invalid_value"),
        (IntegrityError(), errors.UniqueViolation(), 409, "conflict"),
    ],
)
def test_errors_of_the_database(error: Exception, cause: Exception | None, status: int, code: str) -> None:
    error.__cause__ = cause
    problem = problem_of_database(error)
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)


def test_a_fault_of_ours_is_not_the_callers() -> None:
    broken = IntegrityError()
    broken.__cause__ = errors.NotNullViolation()
    assert problem_of_database(broken) is None
    assert problem_of_database(ValueError()) is None


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"path": "/api/v1/me"}, 401),
        ({"path": "/api/v1/me", "HTTP_AUTHORIZATION": "Bearer kz_wrong"}, 401),
        ({"path": "/api/v1/session", "method": "PUT"}, 405),
        ({"path": "/api/v1/session", "method": "POST", "content_type": "text/plain", "data": "a"}, 415),
        ({"path": "/api/v1/session", "method": "POST", "content_type": "application/json", "data": "{"}, 400),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_errors_of_the_framework_name_a_remedy(
    db: None, call: dict[str, str], status: int, language: str
) -> None:
    response = Client().generic(**{"method": "GET", **call}, HTTP_ACCEPT_LANGUAGE=language)  # type: ignore[arg-type]
    body = response.json()
    assert response.status_code == status
    assert body["remedy"]
    assert body["remedy"].isascii() == (language == "en") or "“" in body["remedy"]
    assert "{" not in body["title"] + body["detail"]


def test_what_is_wrong_and_what_helps_are_one_text_in_either_language() -> None:
    assert Conflict(code="x", detail="It is full.", remedy="Empty it.").told() == "It is full. Empty it."
    assert Conflict(code="x", detail="已满。", remedy="请清空。").told() == "已满。请清空。"
    assert sentences("", "It is full.", "") == "It is full."
    assert Conflict(code="x", detail="已满。").told() == "已满。"
