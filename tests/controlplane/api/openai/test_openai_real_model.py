"""One question on the bundled 0.5B model and its real engine. Skipped where the model file is not there."""

import json
from pathlib import Path

import pytest

from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import ask
from tests.fakes.engine import FakeEngine
from tests.inference.conftest import free_port, running_server, small_model

__all__ = ["small_model"]
NAME = "qwen2.5-coder-0.5b"


@pytest.mark.timeout(280)
def test_the_bundled_model_answers_with_a_citation(
    committed: None,
    served: Served,
    bank: Bank,
    embedder: FakeEngine,
    small_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["--model", str(small_model), "--alias", NAME, "--port", str(free_port())]
    with running_server("inference.llamacpp.server", *arguments, KAREZ_ENGINE_API_KEY="k") as llama:
        engines = [
            {
                "name": NAME,
                "url": llama.address,
                "api_key": "k",
                "routes": ["chat"],
                "profile": "small",
                "context_tokens": 4096,
            }
        ]
        configure(monkeypatch, engines=json.dumps(engines), embedding_url=embedder.base_url)
        client = served.client(bank.key.presented).with_options(timeout=240)
        answer = ask(client, "以商业用房抵押的，抵押率最高不超过多少？")
        message = answer.choices[0].message
        assert "60%" in message.content
        cited = message.annotations[0].url_citation
        assert cited.title == "授信管理办法"
        assert message.content[cited.start_index : cited.end_index] == "[1]"
        assert 50 < answer.usage.prompt_tokens < 400
