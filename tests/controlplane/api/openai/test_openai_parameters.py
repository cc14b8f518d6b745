"""What a request may say, and what is refused before an engine hears of it."""

import json
import socket
from typing import Any

import httpx
import openai
import pytest

from controlplane.api.openai import replies
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.controlplane.api.openai.test_openai_ledger import entries
from tests.fakes.engine import Answer, FakeEngine

HELLO = [{"role": "user", "content": "hello"}]


def post(platform: Served, bank: Bank, path: str, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bank.key.presented}", "Accept-Language": "en"}
    return httpx.post(f"{platform.base_url}/v1/{path}", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("chat/completions", {"messages": HELLO, "priority": -1}, "priority"),
        ("chat/completions", {"messages": HELLO, "cache_salt": "x"}, "cache_salt"),
        ("chat/completions", {"messages": HELLO, "documents": []}, "documents"),
        ("chat/completions", {"messages": HELLO, "bootstrap_host": "evil"}, "bootstrap_host"),
        ("chat/completions", {"messages": HELLO, "custom_logit_processor": "x"}, "custom_logit_processor"),
        ("chat/completions", {"messages": HELLO, "temprature": 1}, "temprature"),
        ("chat/completions", {"messages": HELLO, "prompt": "x"}, "prompt"),
        (
            "chat/completions",
            {"messages": HELLO, "chat_template_kwargs": {"chat_template": "{{1}}"}},
            "chat_template_kwargs.chat_template",
        ),
        ("completions", {"prompt": "x", "prompt_embeds": "AAAA"}, "prompt_embeds"),
        ("completions", {"prompt": "x", "messages": HELLO}, "messages"),
        ("embeddings", {"input": "x", "priority": 1}, "priority"),
        ("rerank", {"query": "x", "documents": ["y"], "priority": 1}, "priority"),
    ],
)
def test_a_field_that_is_on_no_list_is_refused_by_its_name(
    platform: Served, bank: Bank, engine: FakeEngine, path: str, body: dict[str, Any], field: str
) -> None:
    response = post(platform, bank, path, {"model": "fake-model", **body})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", field)
    assert engine.requests == []
    [entry] = entries(bank, 1)
    assert (entry.outcome, entry.code, entry.total_ms is not None) == (
        "rejected",
        "unsupported_parameter",
        True,
    )


def test_what_decides_the_answer_goes_on_and_what_is_openais_own_does_not(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    kept = {"top_k": 3, "seed": 7, "chat_template_kwargs": {"enable_thinking": False}, "logit_bias": {"5": 1}}
    own = {"store": True, "metadata": {"a": "b"}, "service_tier": "auto", "prompt_cache_key": "k"}
    extra = {**kept, **own, "priority": None}
    response = post(platform, bank, "chat/completions", {"model": "fake-model", "messages": HELLO, **extra})
    assert response.status_code == 200
    assert engine.requests[-1].body == {"model": "fake-model", "messages": HELLO, **kept}


@pytest.fixture
def short(platform: Served, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Two replicas, of which one has a longer context."""
    engines = [
        {"name": "m", "url": engine.base_url, "model": "m-100", "context_tokens": 100},
        {"name": "m", "url": engine.base_url, "model": "m-200", "context_tokens": 200},
    ]
    configure(monkeypatch, engines=json.dumps(engines))
    return platform


@pytest.mark.parametrize(
    ("words", "most", "param", "told"),
    [
        (300, {}, "messages", ("300", "200")),
        (150, {"max_tokens": 60}, "messages", ("150", "60", "200")),
        (1, {"max_tokens": 10**9}, "max_tokens", ("1000000000", "200")),
        (1, {"max_completion_tokens": 200}, "max_completion_tokens", ("200",)),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_no_context_has_room_for_is_told_with_count_and_limit(
    short: Served,
    bank: Bank,
    engine: FakeEngine,
    words: int,
    most: dict[str, int],
    param: str,
    told: tuple[str, ...],
    stream: bool,
) -> None:
    content = "word " * words
    body = {"model": "m", "messages": [{"role": "user", "content": content}], "stream": stream, **most}
    response = post(short, bank, "chat/completions", body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", param)
    assert all(number in error["message"] for number in told)
    assert engine.requests == []


def test_what_only_one_replica_has_room_for_goes_there(short: Served, bank: Bank, engine: FakeEngine) -> None:
    client = short.client(bank.key.presented)
    for _ in range(4):
        ask(client, "word " * 150, model="m")
    assert {request.body["model"] for request in engine.requests} == {"m-200"}


def test_a_client_that_takes_nothing_is_given_up(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads what it was sent: the engine's slot is free again, and the ledger says why."""
    monkeypatch.setattr(replies, "SLOW_CLIENT_SECONDS", 1.0)
    monkeypatch.setattr(replies, "KEEP_ALIVE_SECONDS", 0.5)
    engine.answers = Answer(chunks=["x" * 60_000] * 4000, piece_delay=0.005)
    body = json.dumps({"model": "fake-model", "messages": HELLO, "stream": True}).encode()
    address = httpx.URL(platform.base_url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.host, address.port))
        lines = [
            "POST /v1/chat/completions HTTP/1.1",
            f"Host: {address.host}",
            f"Authorization: Bearer {bank.key.presented}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        client.sendall("\r\n".join(lines).encode() + body)
        [entry] = entries(bank, 1)
        assert (entry.outcome, entry.code) == ("stopped", "client_too_slow")
        assert engine.requests[0].hung_up.wait(5)
        client.settimeout(5)
        while client.recv(1 << 20):  # what the system had taken before is all that comes
            pass


def test_a_context_that_is_not_known_is_the_engines_to_judge(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(status=400, error="This model's maximum context length is 8192 tokens.")
    with pytest.raises(openai.BadRequestError) as error:
        ask(platform.client(bank.key.presented), "word " * 9000, model="fake-model")
    assert error.value.code == "context_length_exceeded"
    assert len(engine.requests) == 1
