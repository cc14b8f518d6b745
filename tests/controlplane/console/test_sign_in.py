"""The console's sign-in: the same rules as the API's, as a form."""

from typing import Any

import pytest
from django.test import Client

from controlplane.tenants.models import Role
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation

HOSTILE = ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example", "evil"]


def sign_in(email: str, password: str = PASSWORD, **data: str) -> Any:
    return Client().post("/sign-in", {"email": email, "password": password, **data})


def test_leads_to_where_one_belongs(committed_organisation: Organisation) -> None:
    organisation = committed_organisation
    manager = organisation.member(organisation.finance, Role.MANAGER)
    member = organisation.member(organisation.finance)
    assert sign_in(manager.email).headers["Location"] == "/"
    assert sign_in(member.email).headers["Location"] == "/chat/"
    assert sign_in(member.email, next="/chat/?c=1").headers["Location"] == "/chat/?c=1"


@pytest.mark.parametrize("wanted", HOSTILE)
def test_leads_nowhere_else(committed_organisation: Organisation, wanted: str) -> None:
    manager = committed_organisation.member(committed_organisation.finance, Role.MANAGER)
    assert sign_in(manager.email, next=wanted).headers["Location"] == "/"


def test_a_wrong_password_says_so_and_begins_no_session(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    answer = sign_in(user.email, "wrong-password")
    assert answer.status_code == 403
    assert "sessionid" not in answer.cookies
    assert 'role="alert"' in answer.text or "errorlist" in answer.text
    assert "wrong-password" not in answer.text


def test_guessing_is_slowed_down(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    answers = [sign_in(user.email, f"wrong-password-{n}").status_code for n in range(11)]
    assert answers == [403] * 10 + [429]
    assert sign_in(user.email).status_code == 429


def test_a_form_from_elsewhere_is_refused(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance)
    answer = Client(enforce_csrf_checks=True).post("/sign-in", {"email": user.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert "csrf_failed" in answer.text
    assert "sessionid" not in answer.cookies


def test_signing_out_ends_the_session(committed_organisation: Organisation) -> None:
    client = signed_in(committed_organisation.member(committed_organisation.finance, Role.MANAGER))
    assert client.get("/").status_code == 200
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302


def test_a_changed_password_is_the_one_that_counts(committed_organisation: Organisation) -> None:
    user = committed_organisation.member(committed_organisation.finance, Role.MANAGER)
    client = signed_in(user)
    wrong = client.post("/password", {"current": "nope", "new": "deep-water-22", "again": "deep-water-22"})
    assert wrong.status_code == 403
    unlike = client.post("/password", {"current": PASSWORD, "new": "deep-water-22", "again": "deep-water-2"})
    assert unlike.status_code == 422
    assert sign_in(user.email).status_code == 302
    done = client.post("/password", {"current": PASSWORD, "new": "deep-water-22", "again": "deep-water-22"})
    assert done.headers["Location"] == "/account"
    assert client.get("/").status_code == 200
    assert sign_in(user.email).status_code == 403
    assert sign_in(user.email, "deep-water-22").status_code == 302


def test_the_language_is_kept_in_a_cookie_that_counts(organisation: Organisation) -> None:
    client = Client()
    assert 'lang="zh-Hans"' in client.get("/sign-in", headers={"Accept-Language": "zh-CN"}).text
    client.post("/language", {"language": "en", "next": "/sign-in"})
    assert client.cookies["karez_language"].value == "en"
    assert 'lang="en"' in client.get("/sign-in").text
