"""The web process below a prefix: every address, cookie and link carries it; probes are answered without it too."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from django.test import override_settings

from controlplane.identity.models import KeyScope
from deploy import commands
from deploy.embedded.ports import LOOPBACK, find_free, is_free
from deploy.embedded.proxy import Proxy, find_binary
from deploy.embedded.testing import Servers
from tests.conftest import ROOT
from tests.controlplane.organisations import Organisation
from tests.deploy.processes import wait_for

PREFIX = "/llm"
OUTER = "127.0.0.99"  # a proxy of the operator's, before ours


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
        "KAREZ_TRUSTED_PROXIES": f"{LOOPBACK} {OUTER}",
    }
    command = [sys.executable, *commands.web(host="0.0.0.0", port=port)]
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


@pytest.fixture(scope="module")
def behind_ours(web: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of our own proxy, which knows of the outer one."""
    proxy = Proxy(
        binary=find_binary(), directory=tmp_path_factory.mktemp("proxy"), host="0.0.0.0", port=find_free(),
        prefix=PREFIX, web=web.removeprefix("http://"), trusted=(OUTER,),
    )  # fmt: skip
    command, environment = proxy.command(), proxy.environment()
    with subprocess.Popen(
        command, cwd=proxy.directory, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: not is_free(port=proxy.port), what="the proxy")
        yield f"http://{LOOPBACK}:{proxy.port}"
        process.terminate()


def counted(address: str) -> bool:
    """Whether an attempt to sign in was counted for it."""
    digest = hashlib.sha256(address.encode()).hexdigest()
    with redis.from_url(os.environ["KAREZ_CACHE_URL"]) as cache:
        return bool(cache.keys(f"*sign-in:address:*:{digest}"))


@pytest.mark.parametrize("through_ours", [False, True], ids=["directly", "through our proxy"])
@pytest.mark.parametrize(
    ("number", "peer", "said", "who"),
    [
        (1, "127.0.0.2", "9.9.9.1", "127.0.0.2"),  # a client that makes itself another one
        (2, "127.0.0.3", "9.9.9.2, 127.0.0.99", "127.0.0.3"),
        (
            3,
            OUTER,
            "9.9.9.3, 127.0.0.4",
            "127.0.0.4",
        ),  # and what it sent is still there behind the outer proxy
        (4, OUTER, "9.9.9.4, 127.0.0.5, 127.0.0.99", "127.0.0.5"),
    ],
)
def test_nobody_signs_in_from_an_address_that_they_made_up(
    web: str, behind_ours: str, through_ours: bool, number: int, peer: str, said: str, who: str
) -> None:
    with redis.from_url(os.environ["KAREZ_CACHE_URL"]) as cache:
        cache.flushdb()
    origin = behind_ours if through_ours else web
    headers = {"X-Forwarded-For": said, "X-Real-IP": f"9.9.9.{number}", "Forwarded": f"for=9.9.9.{number}"}
    body = {"email": "x@example.org", "password": "wrong-password"}
    with httpx.Client(transport=httpx.HTTPTransport(local_address=peer)) as client:
        answer = client.post(f"{origin}{PREFIX}/api/v1/session", json=body, headers=headers)
    assert answer.status_code == 403
    assert counted(who)
    assert not counted(f"9.9.9.{number}")
    assert not counted(said)


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
