"""What holds for every question."""

from __future__ import annotations

import shlex
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as some

from inference.accelerators import accelerators
from inference.catalogue import model, models
from inference.planner import Candidate, Layout, Plan, PlanInputError, PlanRequest, Workload, plan
from inference.planner.candidates import evaluate
from inference.planner.layout import Hardware
from inference.planner.memory import ModelSize
from tests.inference.planner.asking import ask

CARDS = {card.id: card for card in accelerators()}
CHAT = [entry.id for entry in models(kind="chat") if not entry.bundled]
R1 = ModelSize(entry=model("deepseek-r1"), weights=model("deepseek-r1").weights[0])
requests = some.builds(
    PlanRequest,
    model=some.sampled_from(CHAT),
    accelerator=some.sampled_from(sorted(CARDS)),
    cards_per_node=some.sampled_from([1, 2, 3, 4, 8, 16]),
    nodes=some.integers(1, 4),
    workload=some.builds(
        Workload,
        context_tokens=some.integers(512, 4096),
        concurrency=some.integers(1, 300),
        requests_per_second=some.floats(0, 20),
        prompt_tokens=some.integers(1, 256),
        answer_tokens=some.integers(1, 256),
    ),
    objective=some.sampled_from(["auto", "latency", "throughput"]),
    utilization=some.floats(0.5, 0.98),
)


def _planned(request: PlanRequest) -> Plan | None:
    try:
        return plan(request=request)
    except PlanInputError as error:
        if error.code != "no_precision_supported":
            raise
        return None


def _r1(request: PlanRequest, layout: Layout, hardware: Hardware) -> Candidate:
    return evaluate(size=R1, hardware=hardware, layout=layout, request=request, speculates=False)


@settings(max_examples=30, deadline=None)
@given(requests)
def test_a_plan_is_consistent(request: PlanRequest) -> None:
    answer = _planned(request)
    if answer is None or answer.chosen is None:
        return
    chosen = answer.chosen
    memory = chosen.memory
    assert memory.weights + memory.activations + memory.runtime + memory.kv + memory.reserve == memory.usable
    assert chosen.layout.cards == request.cards_per_node * request.nodes
    assert chosen.prefill.total > 0
    assert chosen.decode.total > 0
    assert all(not other.fits for other in answer.candidates) or chosen.fits
    if chosen.fits:
        held = chosen.kv.tokens_per_rank * chosen.kv.bytes_per_token_on_card
        assert 0 <= held <= memory.kv
        assert memory.kv < memory.usable
    else:
        assert answer.launch is None


@settings(max_examples=30, deadline=None)
@given(requests)
def test_commands_are_words_of_a_shell(request: PlanRequest) -> None:
    answer = _planned(request)
    if answer is None or answer.launch is None or answer.chosen is None:
        return
    for command in answer.launch.commands:
        words = shlex.split(command.text)
        start = words.index("vllm")
        assert words[start : start + 2] == ["vllm", "serve"]
        flags = [word for word in words[start + 3 :] if word.startswith("--")]
        assert len(flags) == len(set(flags))
        assert words[words.index("--max-model-len") + 1] == str(request.workload.context_tokens)
        assert words[words.index("--tensor-parallel-size") + 1] == str(answer.chosen.layout.tensor)


@settings(max_examples=30, deadline=None)
@given(
    some.floats(0.3, 0.97),
    some.floats(0.0, 0.01),
    some.sampled_from([Layout(8), Layout(8, context=8), Layout(1, data=8, experts=True)]),
)
def test_more_memory_never_makes_it_not_fit(share: float, more: float, layout: Layout) -> None:
    hardware = Hardware(CARDS["h200"], 8)
    small = ask("deepseek-r1", "h200", 8, utilization=share)
    large = replace(small, utilization=share + more)
    one, other = _r1(small, layout, hardware), _r1(large, layout, hardware)
    assert other.kv.tokens >= one.kv.tokens
    assert other.fits >= one.fits


@settings(max_examples=20, deadline=None)
@given(some.integers(4096, 100_000), some.integers(0, 60_000), some.integers(1, 500), some.integers(0, 500))
def test_longer_contexts_and_more_answers_leave_less(
    context: int, longer: int, answers: int, more: int
) -> None:
    hardware, layout = Hardware(CARDS["h200"], 8), Layout(8, experts=True)
    small = ask("deepseek-r1", "h200", 8, context_tokens=context, concurrency=answers)
    large = ask("deepseek-r1", "h200", 8, context_tokens=context + longer, concurrency=answers + more)
    one, other = _r1(small, layout, hardware), _r1(large, layout, hardware)
    assert other.kv.full_contexts <= one.kv.full_contexts
    assert other.kv.tokens <= one.kv.tokens
    assert other.decode.per_request <= one.decode.per_request * 1.000001


@settings(max_examples=20, deadline=None)
@given(some.integers(1, 3), some.integers(1, 3))
def test_more_nodes_never_make_it_not_fit(nodes: int, more: int) -> None:
    few = plan(request=ask("deepseek-r1", "h800-80", 8, nodes, precision="fp8"))
    many = plan(request=ask("deepseek-r1", "h800-80", 8, nodes + more, precision="fp8"))
    assert many.fits >= few.fits


@settings(max_examples=20, deadline=None)
@given(requests)
def test_what_is_to_buy_fits(request: PlanRequest) -> None:
    answer = _planned(request)
    for purchase in answer.purchases if answer else ():
        assert answer is not None
        bought = replace(
            request,
            cards_per_node=purchase.cards_per_node,
            nodes=purchase.nodes,
            precision=answer.weights.precision,
        )
        assert plan(request=bought).fits
