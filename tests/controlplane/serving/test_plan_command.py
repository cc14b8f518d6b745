"""`manage.py plan`, and that the planner's codes have words in both languages."""

import json
import re
from io import StringIO
from typing import Any, get_args

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from controlplane.serving.plan_report import report
from controlplane.serving.plan_texts import NOTES, PROBLEMS, note_text
from controlplane.serving.planning import planned
from inference.planner import Note, PlanRequest, Workload
from inference.planner.errors import ProblemCode
from inference.planner.notes import NoteCode

CHINESE = re.compile(r"[一-鿿]")
# One of each kind of engine and verdict, so that the notes of most codes come up with their values.
REQUESTS = [
    PlanRequest("deepseek-r1", "h200", 8),
    PlanRequest("deepseek-r1", "h200", 8, kv_cache="fp8", workload=Workload(concurrency=256)),
    PlanRequest("deepseek-r1", "h800-80", 8, 2, workload=Workload(requests_per_second=1.0)),
    PlanRequest("deepseek-r1", "h20-96", 8, workload=Workload(context_tokens=150_000)),
    PlanRequest("deepseek-r1", "h100-80", 8),
    PlanRequest("deepseek-r1", "h100-80", 8, precision="fp8"),
    PlanRequest("deepseek-r1", "ascend-910b-64", 8, 2),
    PlanRequest("deepseek-r1", "mi300x", 8, workload=Workload(requests_per_second=500.0)),
    PlanRequest("deepseek-r1-distill-qwen-7b", "rtx-4090", 3),
    PlanRequest("deepseek-r1-distill-qwen-32b", "rtx-4090", 8, workload=Workload(concurrency=999)),
]


def _codes(union: Any) -> set[str]:
    """Of a Literal, or of a union of them."""
    return {code for each in get_args(union) for code in ({each} if isinstance(each, str) else _codes(each))}


def _plan(*given: str, **options: Any) -> str:
    out = StringIO()
    call_command("plan", *given, stdout=out, **options)
    return out.getvalue()


def test_every_code_has_words() -> None:
    assert set(NOTES) == _codes(NoteCode)
    assert set(PROBLEMS) == _codes(ProblemCode)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each.model}-{each.accelerator}")
def test_a_report_has_all_its_values(language: str, request_: PlanRequest) -> None:
    with translation.override(language):
        text = "\n".join(report(plan=planned(request=request_)))
    assert "%(" not in text
    assert bool(CHINESE.search(text)) == (language == "zh-hans")


def test_a_percentage_is_a_percentage() -> None:
    with translation.override("en"):
        assert note_text(note=Note("load_light", {"percent": 12.5})).startswith("The peak takes 12.5 % of")


def test_the_command_speaks_both_languages() -> None:
    english = _plan("deepseek-r1", "h800-80", "8", nodes="2", language="en")
    assert english.startswith("DeepSeek-R1 fp8 · 2 × 8 × NVIDIA H800")
    assert "It fits: TP8 PP2 starts with a context of 32768 tokens." in english
    assert "--pipeline-parallel-size 2" in english
    chinese = _plan("deepseek-r1", "h800-80", "8", nodes="2", language="zh")
    assert "装得下" in chinese
    assert len(chinese.splitlines()) == len(english.splitlines())


def test_the_command_compares_costs() -> None:
    text = _plan(
        "deepseek-r1",
        "h200",
        "8",
        language="en",
        concurrency="64",
        purchase_per_card="250000",
        power_price_kwh="0.8",
        requests_per_month="3000000",
    )
    assert "Own hardware in all" in text
    assert "API (deepseek-reasoner)" in text


def test_the_command_as_json() -> None:
    answer = json.loads(_plan("deepseek-r1", "h200", "8", json=True, language="en", concurrency="256"))
    assert answer["fits"] is True
    assert answer["chosen"]["layout"] == "TP1 DP8 EP8"
    assert answer["costs"] is None
    assert answer["launch"]["flags"][0]["reason"]["text"]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (
            ("gpt-4", "h200", "8"),
            {},
            "--model: There is no model “gpt-4” in the catalogue. Take one of: deepseek-",
        ),
        (("deepseek-r1", "h200", "many"), {}, "--cards-per-node: "),
        (
            ("deepseek-r1", "h200", "8"),
            {"context_tokens": "200000"},
            "--context-tokens: .*163840 tokens or fewer",
        ),
        (
            ("deepseek-r1", "h200", "8"),
            {"pue": "1.2"},
            "--purchase-per-card: What the cards cost is not given.",
        ),
    ],
)
def test_what_is_wrong_is_named(given: tuple[str, ...], options: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        _plan(*given, language="en", **options)


def test_the_file_that_starts_it_is_all_that_is_written() -> None:
    text = _plan(
        "deepseek-r1",
        "h800-80",
        "8",
        nodes="2",
        launch="leader-worker-set",
        models="claim",
        interface="bond0",
    )
    assert text.startswith("# deepseek-r1: 1 × 2 nodes of 8 devices.\n")
    assert "claimName: claim" in text
    assert "value: bond0" in text
    with pytest.raises(CommandError, match=r"--launch: .*LeaderWorkerSet"):
        _plan("deepseek-r1", "h800-80", "8", nodes="2", launch="compose", language="en")
    with pytest.raises(CommandError, match="--cpus: "):
        _plan("deepseek-r1", "h200", "8", launch="compose", cpus="many", language="en")
    with pytest.raises(CommandError, match="--model-path: 该路径"):
        _plan("deepseek-r1", "h200", "8", launch="compose", model_path="../x", language="zh")
