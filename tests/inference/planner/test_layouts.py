"""Which layouts are possible, and how layers are divided."""

from __future__ import annotations

import pytest

from inference.accelerators import accelerator
from inference.catalogue import Architecture, model
from inference.planner import Hardware, Layout
from inference.planner.layout import layouts, stage_layers


def _architecture(model_id: str) -> Architecture:
    architecture = model(model_id).architecture
    assert architecture is not None
    return architecture


def _possible(model_id: str, card: str, cards: int, nodes: int = 1) -> dict[str, Layout]:
    hardware = Hardware(accelerator(card), cards, nodes)
    return {each.label: each for each in layouts(architecture=_architecture(model_id), hardware=hardware)}


@pytest.mark.parametrize(
    ("layers", "stages", "parts"),
    [
        (61, 1, (61,)),
        (61, 2, (31, 30)),
        (61, 4, (15, 15, 16, 15)),
        (62, 4, (15, 16, 16, 15)),
        (64, 4, (16, 16, 16, 16)),
    ],
)
def test_layers_of_stages(layers: int, stages: int, parts: tuple[int, ...]) -> None:
    """As vLLM's get_pp_indices: the last stage, which has the head, is never the longer one."""
    assert stage_layers(layers=layers, stages=stages) == parts


def test_every_layout_uses_all_cards_and_divides_the_heads() -> None:
    for label, layout in _possible("deepseek-r1-distill-qwen-7b", "rtx-4090", 8).items():
        assert layout.cards == 8, label
        assert 28 % layout.tensor == 0, label  # heads of Qwen2.5-7B


def test_tensor_parallelism_stays_within_a_node() -> None:
    assert all(each.tensor <= 8 for each in _possible("deepseek-r1", "h800-80", 8, 2).values())
    assert {"TP8 PP2", "TP8 DP2 EP16", "TP1 DP16 EP16"} <= set(_possible("deepseek-r1", "h800-80", 8, 2))


def test_ascend_keeps_thirty_two_heads_on_a_rank() -> None:
    found = _possible("deepseek-r1", "ascend-910b-64", 8, 2)
    assert "TP4 DP4 EP16" in found
    assert all(each.tensor <= 4 and each.context == 1 for each in found.values())


def test_only_nvidia_divides_the_latent() -> None:
    assert "TP8 EP8 DCP8" in _possible("deepseek-r1", "h200", 8)
    assert not [each for each in _possible("deepseek-r1", "mi300x", 8).values() if each.context > 1]


def test_stages_within_a_node_are_for_cards_without_a_link() -> None:
    assert "TP4 PP2" in _possible("deepseek-r1-distill-qwen-32b", "rtx-4090", 8)
    assert "TP4 PP2" not in _possible("deepseek-r1-distill-qwen-32b", "h200", 8)


def test_numbers_of_a_layout() -> None:
    layout = Layout(4, data=4, experts=True, replicas=2)
    assert (layout.engine_cards, layout.cards, layout.ranks) == (16, 32, 8)
    assert layout.nodes(cards_per_node=8) == 2
    assert layout.label == "TP4 DP4 EP16 × 2"
    assert layout.spreads_over_nodes(cards_per_node=8)
    assert not layout.spreads_over_nodes(cards_per_node=16)
