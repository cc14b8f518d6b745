"""The base of every page: who gets in, where the others are led, and what a browser may run there."""

from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern

from controlplane.console.navigation import GROUPS
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.security import POLICY
from controlplane.core.scope import Scope, platform_scope, scoped
from controlplane.identity.models import User
from controlplane.tenants.models import Role
from tests.controlplane.organisations import Organisation

OPEN_TO_ALL = {"sign-in", "sign-out", "language", "setup"}


def signed_in(user: User) -> Client:
    client = Client()
    with scoped(Scope(user_id=user.pk)):
        client.force_login(user, backend="controlplane.identity.backends.EmailBackend")
    return client


def console_patterns() -> list[URLPattern]:
    resolver = next(r for r in get_resolver().url_patterns if getattr(r, "app_name", "") == "console")
    return list(resolver.url_patterns)


def test_every_page_has_a_need_and_a_place_behind_the_sign_in() -> None:
    for pattern in console_patterns():
        view = getattr(pattern.callback, "view_class", None)
        if pattern.name not in OPEN_TO_ALL:
            assert view is not None, pattern.name
            assert issubclass(view, ConsolePage), pattern.name
            assert isinstance(view.need, Need)


def test_every_entry_of_the_menu_leads_to_a_page_that_its_reader_may_open() -> None:
    views = {p.name: getattr(p.callback, "view_class", None) for p in console_patterns()}
    for group in GROUPS:
        for section in group.sections:
            view = views[section.key]
            assert view is not None
            assert view.section == section.key


def test_no_address_fails_when_it_is_opened_as_a_page(organisation: Organisation) -> None:
    """Those of actions too: they stand in histories, and the sign-in leads back to them."""
    client = signed_in(organisation.member(organisation.root, Role.ADMIN))
    client.raise_request_exception = False
    examples = {"uuid": str(uuid4()), "slug": "nothing", "int": 1}
    for pattern in (one for one in console_patterns() if one.name not in OPEN_TO_ALL):
        kinds = {name: type(converter).__name__ for name, converter in pattern.pattern.converters.items()}
        values = {name: examples[kind.removesuffix("Converter").lower()] for name, kind in kinds.items()}
        address = reverse(f"console:{pattern.name}", kwargs=values)
        answer = client.get(address)
        assert answer.status_code in (200, 302, 403, 404), (address, answer.status_code)
        if answer.status_code == 302:
            assert client.get(answer.headers["Location"]).status_code == 200, address


def test_without_a_session_the_sign_in_comes_first_and_leads_back(organisation: Organisation) -> None:
    answer = Client().get("/password?x=1")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=%2Fpassword%3Fx%3D1"


def test_htmx_is_sent_to_the_sign_in_by_a_header(organisation: Organisation) -> None:
    answer = Client().get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://k/jobs/?a=1"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=%2Fjobs%2F%3Fa%3D1"


@pytest.mark.parametrize(
    ("referrer", "wanted"),
    [
        ("http://testserver/people/add?x=1", "/people/add?x=1"),
        ("http://elsewhere.example/people/add", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    organisation: Organisation, referrer: str, wanted: str
) -> None:
    answer = Client().post("/people/add", {"name": "x"}, headers={"referer": referrer})
    assert answer.headers["Location"] == f"/sign-in?{urlencode({'next': wanted})}"


def test_somebody_who_only_asks_is_led_to_the_chat(organisation: Organisation) -> None:
    answer = signed_in(organisation.member(organisation.finance)).get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/chat/"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_managers_and_administrators_see_the_overview(organisation: Organisation, role: Role) -> None:
    answer = signed_in(organisation.member(organisation.finance, role)).get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_policy_allows_nothing_that_stands_in_the_page() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_a_page_of_nowhere_is_a_page_and_an_api_of_nowhere_a_problem_document(
    organisation: Organisation,
) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page, api = client.get("/nowhere", headers=browser), client.get("/api/v1/nowhere", headers=browser)
    program = client.get("/nowhere", headers={"Accept": "*/*"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (api.status_code, api.headers["Content-Type"]) == (404, "application/problem+json")
    assert (program.status_code, program.headers["Content-Type"]) == (404, "application/problem+json")


def test_htmx_is_told_of_an_error_in_words_and_not_in_a_page(organisation: Organisation) -> None:
    headers = {"Accept": "text/html", "HX-Request": "true"}
    answer = signed_in(organisation.member(organisation.finance, Role.MANAGER)).get("/no", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "<" not in answer.text


def test_a_deactivated_person_is_out_at_once(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance, Role.ADMIN)
    client = signed_in(user)
    assert client.get("/").status_code == 200
    with platform_scope():
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/").headers["Location"].startswith(reverse("console:sign-in"))
