"""What goes wrong, and what the openai client makes of it."""

import json
import math
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from controlplane.core.scope import tenant_scope
from controlplane.identity.models import ApiKey, KeyScope
from controlplane.identity.services import api_key_revoke
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT, ask, events_of, messages_of
from tests.fakes.engine import Answer, FakeEngine


def post(
    platform: Served, bank: Bank, body: Any, path: str = "/v1/chat/completions", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = {"Authorization": f"Bearer {bank.key.presented}", "Accept-Language": "en", **headers}
    return httpx.post(f"{platform.base_url}{path}", content=content, headers=all_headers, timeout=30)


def wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("key", ["kz_wrong", "sk-other", "kz_" + "x" * 300])
def test_a_wrong_key_is_401(platform: Served, key: str) -> None:
    with pytest.raises(openai.AuthenticationError) as error:
        ask(platform.client(key))
    assert error.value.code == "invalid_credential"


def test_no_key_is_401_with_the_scheme(platform: Served) -> None:
    response = httpx.get(f"{platform.base_url}/v1/models")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["error"]["code"] == "not_authenticated"


def test_a_revoked_key_stops_working_with_the_next_request(platform: Served, bank: Bank) -> None:
    client = platform.client(bank.key.presented)
    assert client.models.list().data
    maker = bank.organisation.system()
    with tenant_scope(bank.organisation.tenant.pk):
        [key] = ApiKey.objects.all()
        api_key_revoke(principal=maker, key=key)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_key_without_the_scope_is_403(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    key = bank.organisation.key(bank.organisation.finance, KeyScope.SEARCH)
    with pytest.raises(openai.PermissionDeniedError) as error:
        ask(platform.client(key.presented))
    assert error.value.code == "scope_missing"
    assert engine.requests == []
    assert messages_of(bank) == []


def test_an_unknown_model_is_404_and_names_those_there_are(platform: Served, bank: Bank) -> None:
    for model in ("gpt-9", "assistant:nobody"):
        with pytest.raises(openai.NotFoundError) as error:
            ask(platform.client(bank.key.presented), model=model)
        assert error.value.code == "model_not_found"
        assert error.value.param == "model"
        assert "fake-model" in error.value.message
        assert "assistant:finance" in error.value.message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", '[{"name": "m", "url": "http://127.0.0.1:9", "routes": ["chat"]}]']
)
def test_an_engine_that_is_down_is_503_and_the_question_is_kept(
    served: Served, embedder: FakeEngine, bank: Bank, monkeypatch: pytest.MonkeyPatch, stream: bool, url: str
) -> None:
    configure(monkeypatch, engines=url, embedding_url=embedder.base_url)
    with pytest.raises(openai.InternalServerError) as error:
        ask(served.client(bank.key.presented), stream=stream)
    assert error.value.status_code == 503
    assert error.value.code == "engine_unavailable"
    assert int(error.value.response.headers["retry-after"]) >= 1
    [question] = messages_of(bank)
    assert (question.content, question.status, question.reason) == (QUESTION, "failed", "engine_unavailable")
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.failed"]


def test_a_busy_engine_says_when_to_come_back(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(status=503, headers={"Retry-After": "17"})
    with pytest.raises(openai.InternalServerError) as error:
        ask(platform.client(bank.key.presented))
    assert error.value.response.headers["retry-after"] == "17"


def test_a_second_replica_answers_when_the_first_is_down(
    served: Served, engine: FakeEngine, embedder: FakeEngine, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [
        {"name": "m", "url": url, "routes": ["chat"]} for url in ("http://127.0.0.1:9", engine.base_url)
    ]
    configure(monkeypatch, engines=json.dumps(engines), embedding_url=embedder.base_url)
    engine.answers = RIGHT
    for _ in range(3):
        assert ask(served.client(bank.key.presented)).choices[0].message.content == RIGHT.text


def test_a_stream_that_breaks_ends_with_an_error_and_keeps_what_came(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(
        text="住宅抵押率最高不超过70%[1]。商业用房", chunk=2, break_after=10, piece_delay=0.01
    )
    seen = ""
    chunks = iter(ask(platform.client(bank.key.presented), stream=True))
    with pytest.raises(openai.APIError) as error:  # noqa: PT012 - the error ends the stream
        while True:
            seen += next(chunks).choices[0].delta.content or ""
    assert error.value.code == "engine_unavailable"
    assert seen.startswith("住宅抵押率最高不超过70%[1]。")
    question, partial = messages_of(bank)
    assert question.status == partial.status == "failed"
    assert partial.content == seen


def test_a_client_that_hangs_up_stops_the_engine_and_what_came_is_kept(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="住宅抵押率最高不超过70%[1]。" + "商业用房" * 200, chunk=2, piece_delay=0.02)
    stream = ask(platform.client(bank.key.presented), stream=True)
    seen = ""
    for chunk in stream:
        seen += chunk.choices[0].delta.content or ""
        if "商业" in seen:
            break
    stream.close()
    assert engine.requests[0].hung_up.wait(5)
    wait_for(lambda: messages_of(bank)[0].status == "stopped")
    _question, partial = messages_of(bank)
    assert partial.status == "stopped"
    assert partial.content.startswith(seen)
    with tenant_scope(bank.organisation.tenant.pk):
        assert partial.citations.count() == 1
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.stopped"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_before_the_first_token_stops_the_engine_too(
    platform: Served, bank: Bank, engine: FakeEngine, stream: bool
) -> None:
    engine.answers = Answer(first_token_delay=math.inf, delay=0 if stream else math.inf)
    client = platform.client(bank.key.presented).with_options(timeout=4.0)
    with pytest.raises(openai.APITimeoutError):
        ask(client, stream=stream)
    wait_for(lambda: engine.requests and engine.requests[0].hung_up.is_set())
    wait_for(lambda: messages_of(bank)[0].status == "stopped")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"model": "' + b"x" * (8 * 1024 * 1024) + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_read(
    platform: Served, bank: Bank, engine: FakeEngine, body: bytes, status: int, code: str
) -> None:
    response = post(platform, bank, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert engine.requests == []


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_missing_field_is_named(platform: Served, bank: Bank, missing: str) -> None:
    body = {"model": "assistant:finance", "messages": [{"role": "user", "content": QUESTION}]}
    del body[missing]
    response = post(platform, bank, body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, missing)
    assert response.json()["error"]["message"] == f"“{missing}” is required."


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"messages": []}, "invalid_field", "messages"),
        ({"messages": "hello"}, "invalid_field", "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "invalid_field", "messages.0.role"),
        ({"messages": [user("x"), {"role": "assistant", "content": "x"}]}, "invalid_field", "messages.1"),
        ({"messages": [user(" ")]}, "invalid_field", "messages.0"),
        (
            {"messages": [user([{"type": "image_url", "image_url": {}}])]},
            "unsupported_content",
            "messages.0.content",
        ),
        ({"messages": [user("长" * 20_000)]}, "context_length_exceeded", "messages"),
        ({"messages": [user("长" * 33_000)]}, "context_length_exceeded", "messages"),
        ({"temperature": "hot"}, "invalid_field", "temperature"),
        ({"temperature": 9}, "invalid_field", "temperature"),
        ({"stream": "yes"}, "invalid_field", "stream"),
        ({"n": 2}, "unsupported_parameter", "n"),
        ({"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "unsupported_parameter", "tools"),
        ({"tool_choice": "required"}, "unsupported_parameter", "tool_choice"),
        ({"logprobs": True}, "unsupported_parameter", "logprobs"),
        ({"model": "fake-model", "priority": -1000}, "unsupported_parameter", "priority"),
        ({"model": "fake-model", "kv_transfer_params": {}}, "unsupported_parameter", "kv_transfer_params"),
        ({"model": "fake-model", "chat_template": "{{1}}"}, "unsupported_parameter", "chat_template"),
        ({"karez": {"top_k": 0}}, "invalid_field", "karez.top_k"),
        ({"karez": {"knowledge_bases": ["x"]}}, "invalid_field", "karez.knowledge_bases.0"),
        ({"karez": {"knowlege": []}}, "invalid_field", "karez.knowlege"),
        ({"model": "fake-model", "karez": {}}, "invalid_field", "karez.knowledge_bases"),
    ],
)
def test_a_wrong_field_is_named(
    platform: Served, bank: Bank, engine: FakeEngine, changes: dict[str, Any], code: str, param: str
) -> None:
    response = post(platform, bank, {"model": "assistant:finance", "messages": [user(QUESTION)], **changes})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert engine.requests == []


def test_a_nul_character_is_survived(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = RIGHT
    answer = ask(platform.client(bank.key.presented), QUESTION + "\x00")
    assert answer.choices[0].message.content == RIGHT.text


def test_messages_are_in_the_callers_language(platform: Served, bank: Bank) -> None:
    assert "JSON" in post(platform, bank, b"{").json()["error"]["message"]
    assert post(platform, bank, b"{}", path="/v1/nothing").json()["error"]["code"] == "not_found"


def test_unknown_addresses_and_methods(platform: Served) -> None:
    assert httpx.get(f"{platform.base_url}/v1/chat/completions").status_code == 405
    response = httpx.get(f"{platform.base_url}/v1/nothing")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_health_needs_no_key(platform: Served) -> None:
    assert httpx.get(f"{platform.base_url}/healthz").json() == {"status": "ok"}
    response = httpx.get(f"{platform.base_url}/readyz")
    parts = response.json()["parts"]
    assert response.status_code == 200
    assert (parts["database"], parts["engine"], parts["embedding"]) == ("ok", "ok", "ok")
    assert parts["broker"] in ("ok", "down")


def test_an_embedding_service_that_hangs_holds_up_nothing_else(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers = RIGHT
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hole, ThreadPoolExecutor(10) as threads:
        address = f"http://127.0.0.1:{hole.getsockname()[1]}/v1"
        configure(monkeypatch, engines=engine.base_url, embedding_url=address)
        client = platform.client(bank.key.presented)
        asked = [threads.submit(ask, client) for _ in range(10)]
        hole.settimeout(10)
        waiting = [hole.accept()[0] for _ in range(2)]  # and the others behind them
        begun = time.monotonic()
        assert client.models.list().data
        assert time.monotonic() - begun < 3
        assert {answer.result().karez["degraded"][0] for answer in asked} == {"dense"}
        begun = time.monotonic()
        assert ask(client).karez["degraded"] == ["dense"]  # known to be down: not waited for again
        assert time.monotonic() - begun < 5
        for connection in waiting:
            connection.close()


def test_a_context_that_the_engine_has_no_room_for_has_openais_code(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    told = (
        "This model's maximum context length is 4096 tokens. However, your prompt contains 5000 input tokens."
    )
    engine.answers = Answer(status=400, error=told)
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refusal:
            ask(platform.client(bank.key.presented), "你好", model="fake-model", stream=stream)
        assert (refusal.value.code, refusal.value.param) == ("context_length_exceeded", "messages")
        assert told in refusal.value.message
