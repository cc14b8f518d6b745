"""The web process below a prefix: every address, cookie and link carries it; probes are answered without it too."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import override_settings

from controlplane.identity.models import KeyScope
from deploy.embedded.ports import find_free
from deploy.embedded.testing import Servers
from tests.conftest import ROOT
from tests.controlplane.organisations import Organisation

PREFIX = "/llm"


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, valkey_server: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Its address without the prefix."""
    port, state = find_free(), tmp_path_factory.mktemp("state")
    origin = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "KAREZ_STATE_DIR": str(state),
        "KAREZ_URL_PREFIX": PREFIX,
        "KAREZ_BASE_URL": origin + PREFIX,
    }
    command = [sys.executable, "-m", "uvicorn", "controlplane.asgi:application", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not _answers(origin):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield origin
        process.terminate()


def _answers(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def get(url: str, **options: object) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=30, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", f"{PREFIX}/healthz", f"{PREFIX}/readyz"])
def test_probes_are_answered_with_and_without_the_prefix(web: str, path: str) -> None:
    assert get(web + path).status_code in (200, 503)  # ready is what its parts are
    assert get(web + path).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/departments", "/v1/models", "/static/x.css", "/llmx/healthz", "/healthz/"]
)
def test_nothing_else_is_answered_without_the_prefix(web: str, path: str) -> None:
    assert get(web + path).status_code == 404


def test_the_prefix_itself_leads_to_its_root(web: str) -> None:
    response = get(web + PREFIX)
    assert (response.status_code, response.headers["location"]) == (307, f"{PREFIX}/")


def test_both_apis_are_below_it(web: str, committed_organisation: Organisation) -> None:
    key = committed_organisation.key(committed_organisation.root, *KeyScope.values)
    headers = {"Authorization": f"Bearer {key.presented}"}
    page = get(f"{web}{PREFIX}/api/v1/departments", params={"limit": 1}, headers=headers).json()
    assert page["next"].startswith(f"{web}{PREFIX}/api/v1/departments?cursor=")
    assert get(page["next"], headers=headers).json()["results"]
    assert get(f"{web}{PREFIX}/v1/models", headers=headers).status_code == 200
    assert get(f"{web}{PREFIX}/v1/nothing", headers=headers).status_code == 404


def test_the_description_names_the_address(web: str) -> None:
    document = get(f"{web}{PREFIX}/api/v1/openapi.json").json()
    assert document["servers"] == [{"url": f"{web}{PREFIX}"}]
    assert "/api/v1/departments" in document["paths"]


def test_cookies_stay_below_it(web: str, committed_organisation: Organisation) -> None:
    with override_settings(
        PASSWORD_HASHERS=["controlplane.identity.hashers.Argon2"]
    ):  # as the process has it
        person = committed_organisation.member(committed_organisation.finance)
    body = {"email": person.email, "password": "quiet-channel-7"}
    response = httpx.post(f"{web}{PREFIX}/api/v1/session", json=body, trust_env=False)
    assert response.is_success
    cookies = response.headers.get_list("set-cookie")
    assert cookies
    assert all(f"Path={PREFIX}" in cookie.split("; ") for cookie in cookies)


def test_static_files_have_lasting_names_below_it(web: str) -> None:
    page = get(f"{web}{PREFIX}/static/rest_framework/css/default.css")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert get(str(page.url), headers={"If-None-Match": page.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("prefix", "base", "said"),
    [
        ("llm", "http://h/llm", "KAREZ_URL_PREFIX is empty, or begins with a slash"),
        ("/llm/", "http://h/llm", "KAREZ_URL_PREFIX is empty, or begins with a slash"),
        ("/a/../b", "http://h/a/../b", "KAREZ_URL_PREFIX is empty, or begins with a slash"),
        ("/llm", "http://h", "KAREZ_BASE_URL must end with KAREZ_URL_PREFIX"),
        ("", "http://h/llm", "KAREZ_BASE_URL must end with KAREZ_URL_PREFIX"),
    ],
)
def test_a_prefix_that_would_not_work_is_refused(prefix: str, base: str, said: str, tmp_path: Path) -> None:
    environment = os.environ | {"KAREZ_URL_PREFIX": prefix, "KAREZ_BASE_URL": base}
    environment["PYTHONPATH"] = str(ROOT / "platform")
    done = subprocess.run(
        [sys.executable, "-c", "import controlplane.settings"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
