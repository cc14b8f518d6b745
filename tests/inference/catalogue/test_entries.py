"""What the packaged data files hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.bundled import bundled_models
from inference.catalogue import ModelEntry, families, find, model, models, packaged
from inference.catalogue.loading import MODELS_FOLDER
from inference.embedding.model import known_models
from inference.endpoints import guess_kind, reasons

ROOT = Path(__file__).parents[3]
ASKED = {
    "deepseek-llm-67b-chat",
    "deepseek-v2-chat",
    "deepseek-v3",
    "deepseek-v3-0324",
    "deepseek-v3.1",
    "deepseek-r1",
    "deepseek-r1-0528",
    "deepseek-r1-zero",
    "deepseek-r1-distill-qwen-1.5b",
    "deepseek-r1-distill-qwen-7b",
    "deepseek-r1-distill-qwen-14b",
    "deepseek-r1-distill-qwen-32b",
    "deepseek-r1-distill-llama-8b",
    "deepseek-r1-distill-llama-70b",
    "bge-m3",
    "bge-reranker-v2-m3",
    "use-multilingual-v3",
    "multilingual-e5-small",
    "qwen2.5-coder-0.5b",
    "qwen2.5-coder-1.5b",
}
every_model = pytest.mark.parametrize("entry", models(), ids=lambda entry: entry.id)


def test_every_model_is_there() -> None:
    assert {each.id for each in models()} >= ASKED


@every_model
def test_a_file_is_named_after_its_model(entry: ModelEntry) -> None:
    assert (MODELS_FOLDER / f"{entry.id}.toml").is_file()


@every_model
def test_sources_in_this_repository_exist(entry: ModelEntry) -> None:
    for source in entry.sources.values():
        assert source.here is None or (ROOT / source.here).is_file()


@every_model
def test_every_licence_is_described_in_both_languages(entry: ModelEntry) -> None:
    for each in entry.licence.ids:
        obliges = packaged().licence(each).obliges
        assert obliges.en
        assert obliges.zh


@every_model
def test_the_platform_guesses_the_kind_that_the_catalogue_knows(entry: ModelEntry) -> None:
    assert guess_kind(model=entry.id) == entry.kind
    for weights in entry.weights:
        assert weights.repository is None or guess_kind(model=weights.repository) == entry.kind


@every_model
def test_the_platform_takes_for_reasoning_what_always_thinks(entry: ModelEntry) -> None:
    assert reasons(model=entry.id) == (entry.chat is not None and entry.chat.thinking == "always")


def test_filters() -> None:
    assert [each.id for each in models(kind="rerank")] == ["bge-reranker-v2-m3"]
    assert len(models(family="deepseek-r1-distill")) == 6
    assert models(kind="rerank", family="deepseek-r1") == ()
    assert families()[:2] == ("deepseek-v3", "deepseek-r1")


def test_the_newest_of_a_family_comes_first() -> None:
    assert [each.id for each in models(family="deepseek-v3")] == [
        "deepseek-v3.1",
        "deepseek-v3-0324",
        "deepseek-v3",
    ]


def test_the_bundled_chat_models_are_described_as_they_are_fetched() -> None:
    for bundled in bundled_models():
        entry = model(bundled.name)
        (weights,) = entry.weights
        assert entry.bundled
        assert (weights.repository, weights.bytes) == (bundled.repository, bundled.size)
        assert (entry.licence.weights, entry.context and entry.context.tokens) == (
            bundled.licence,
            bundled.context_tokens,
        )
        found = find(name=bundled.file)
        assert found is not None
        assert found.entry is entry


def test_embedding_models_agree_with_what_an_index_is_made_for() -> None:
    known = {each.name: each for each in known_models()}
    for name in ("use-multilingual-v3", "multilingual-e5-small-q4", "bge-m3"):
        found = find(name=name)
        assert found is not None
        assert found.entry.embedding is not None
        assert found.entry.embedding.dimension == known[name].dimension
        assert found.entry.licence.weights == known[name].licence


def test_r1_as_its_publisher_wants_it_served() -> None:
    entry = model("deepseek-r1")
    assert entry.vllm is not None
    assert entry.vllm.reasoning_parser is not None
    assert entry.vllm.reasoning_parser.name == "deepseek_r1"
    assert entry.chat is not None
    assert (entry.chat.preopened_think, entry.chat.system_prompt) == (True, "discouraged")
    assert entry.sampling is not None
    assert (entry.sampling.temperature, entry.sampling.top_p) == (0.6, 0.95)
    newer = model("deepseek-r1-0528").chat
    assert newer is not None
    assert (newer.preopened_think, newer.system_prompt) == (False, "supported")


def test_v31_thinks_on_request_and_calls_tools_without() -> None:
    entry = model("deepseek-v3.1")
    assert entry.chat is not None
    assert (entry.chat.switch, entry.chat.tools_while_thinking) == ("thinking", False)
    assert entry.vllm is not None
    assert entry.vllm.tool_parser is not None
    assert entry.vllm.tool_parser.name == "deepseek_v31"


def test_the_config_wins_over_what_is_promised() -> None:
    for name in ("deepseek-v3", "deepseek-r1", "deepseek-r1-0528", "deepseek-v2-chat"):
        context = model(name).context
        assert context is not None
        assert (context.tokens, context.published) == (163_840, 131_072)


def test_the_distills_carry_the_licence_of_their_base() -> None:
    bases = {each.id: each.licence.bases[0] for each in models(family="deepseek-r1-distill")}
    assert bases["deepseek-r1-distill-llama-70b"].licence == "Llama-3.3"
    assert bases["deepseek-r1-distill-llama-8b"].licence == "Llama-3.1"
    assert {base.licence for name, base in bases.items() if "qwen" in name} == {"Apache-2.0"}
    assert model("deepseek-v3").licence.weights == "DeepSeek-1.0"
    assert model("deepseek-v3-0324").licence.weights == "MIT"


@pytest.mark.parametrize(
    ("name", "model_id", "precision"),
    [
        ("deepseek-ai/DeepSeek-R1", "deepseek-r1", "fp8"),
        ("DEEPSEEK-AI/deepseek-r1/", "deepseek-r1", "fp8"),
        ("/data/models/DeepSeek-R1-0528", "deepseek-r1-0528", "fp8"),
        (
            "/root/.cache/huggingface/hub/models--deepseek-ai--DeepSeek-V3-0324/snapshots/e9b33add",
            "deepseek-v3-0324",
            "fp8",
        ),
        ("cognitivecomputations/DeepSeek-R1-AWQ", "deepseek-r1", "int4"),
        ("vllm-ascend/DeepSeek-R1-W8A8", "deepseek-r1", "int8"),
        ("RedHatAI/DeepSeek-R1-Distill-Qwen-32B-FP8-dynamic", "deepseek-r1-distill-qwen-32b", "fp8"),
        ("deepseek-v3.1", "deepseek-v3.1", "fp8"),
        ("multilingual-e5-small-q4", "multilingual-e5-small", "q4"),
        ("BAAI/bge-m3", "bge-m3", "fp32"),
    ],
)
def test_what_engines_report_is_found(name: str, model_id: str, precision: str) -> None:
    found = find(name=name)
    assert found is not None
    assert found.entry.id == model_id
    assert found.weights is not None
    assert found.weights.precision == precision


@pytest.mark.parametrize(
    "name", ["", "r1", "deepseek", "deepseek-r1-distill", "house/House-7B", "DeepSeek-R1-GGUF"]
)
def test_what_is_not_known_is_not_guessed(name: str) -> None:
    assert find(name=name) is None


def test_a_served_name_that_is_the_id_tells_the_model_only() -> None:
    found = find(name="qwen2.5-coder-1.5b")
    assert found is not None
    assert (found.entry.id, found.weights) == ("qwen2.5-coder-1.5b", None)
