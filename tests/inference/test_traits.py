"""Where an answer's text begins, by the setting, the catalogue, and the name."""

import pytest

from inference.endpoints import EngineEndpoint
from inference.traits import preopens_reasoning


def endpoint(model: str, given: bool | None = None) -> EngineEndpoint:
    return EngineEndpoint(name="x", base_url="http://e/v1", model=model, preopened_reasoning=given)


@pytest.mark.parametrize(
    ("model", "preopened"),
    [
        ("deepseek-ai/DeepSeek-R1", True),
        ("deepseek-ai/DeepSeek-R1-0528", False),  # it opens the tag itself
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", True),
        ("deepseek-ai/DeepSeek-V3-0324", False),
        ("deepseek-ai/DeepSeek-V3.1", False),  # it thinks when it is asked to
        ("deepseek-ai/DeepSeek-R1-Zero", True),  # of which no source tells
        ("our-own-r1-finetune", True),
        ("qwen3", False),
    ],
)
def test_by_the_model(model: str, preopened: bool) -> None:
    assert preopens_reasoning(endpoint=endpoint(model)) is preopened


def test_the_setting_knows_better() -> None:
    assert preopens_reasoning(endpoint=endpoint("qwen3", given=True))
    assert not preopens_reasoning(endpoint=endpoint("deepseek-ai/DeepSeek-R1", given=False))
