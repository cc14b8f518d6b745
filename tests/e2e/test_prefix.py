"""The whole platform below a path: started, asked, and followed to the cited source, through the one address."""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from deploy.embedded.first_question import opening_question
from tests.e2e.conftest import START_SECONDS, STOP_SECONDS, begin, until_ready

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PREFIX = "/llm"


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What access.json says. Without an engine answers quote their passages, which needs no model and seconds only."""
    state = tmp_path_factory.mktemp("state")
    process = begin(state, KAREZ_URL_PREFIX=PREFIX, KAREZ_MODEL="none")
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        said = "".join(until_ready(process))
        timer.cancel()
        found = json.loads((state / "access.json").read_text(encoding="utf-8"))
        assert said.rstrip().endswith(f"Karez is ready: {found['base_url']}  (Ctrl-C stops everything)")
        assert "first question answered" in " ".join(said.split())
        yield found
    finally:
        timer.cancel()
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(ValueError):
            process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=30)


def test_an_answer_leads_to_its_source_below_the_prefix(access: dict[str, Any]) -> None:
    finance = access["tenants"][0]["departments"][0]
    client = OpenAI(base_url=f"{access['base_url']}/v1", api_key=finance["api_key"], max_retries=0)
    answer = client.chat.completions.create(
        model=finance["assistant"],
        messages=[{"role": "user", "content": opening_question(slug=finance["slug"])}],
    )
    annotations = answer.choices[0].message.annotations
    assert annotations, answer
    address = annotations[0].url_citation.url
    assert address.startswith(f"{access['base_url']}/api/v1/documents/")
    assert get(address, Authorization=f"Bearer {finance['api_key']}").status_code == 200


def test_everything_is_below_the_prefix(access: dict[str, Any]) -> None:
    base = access["base_url"]
    origin = base.removesuffix(PREFIX)
    assert get(f"{base}/readyz").status_code == 200
    assert get(f"{base}/api/v1/openapi.json").json()["servers"] == [{"url": base}]
    sign_in = get(f"{base}/sign-in", Accept="text/html")
    assert sign_in.status_code == 200
    assert all(f"Path={PREFIX}" in cookie for cookie in sign_in.headers.get_list("set-cookie"))
    for path in ("/", "/sign-in", "/v1/models", "/api/v1/openapi.json"):
        assert get(origin + path).status_code == 404
