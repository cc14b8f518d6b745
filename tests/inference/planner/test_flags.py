"""How to start vLLM, to the letter."""

from __future__ import annotations

import json
import shlex

from inference.planner import Launch, Plan
from tests.inference.planner.asking import planned


def _launch(answer: Plan) -> Launch:
    assert answer.launch is not None
    return answer.launch


def test_two_nodes_of_h800() -> None:
    launch = _launch(planned("deepseek-r1", "h800-80", 8, 2))
    head, worker = launch.commands
    assert head.text == (
        "vllm serve deepseek-ai/DeepSeek-R1 \\\n"
        "  --served-model-name deepseek-r1 \\\n"
        "  --tensor-parallel-size 8 \\\n"
        "  --pipeline-parallel-size 2 \\\n"
        "  --max-model-len 32768 \\\n"
        "  --max-num-seqs 16 \\\n"
        "  --max-num-batched-tokens 8192 \\\n"
        "  --gpu-memory-utilization 0.92 \\\n"
        "  --enable-prefix-caching \\\n"
        "  --reasoning-parser deepseek_r1 \\\n"
        "  --enable-auto-tool-choice \\\n"
        "  --tool-call-parser deepseek_v3 \\\n"
        "  --chat-template examples/tool_chat_template_deepseekr1.jinja \\\n"
        "  --enable-prompt-tokens-details \\\n"
        "  --max-num-queued-reqs 32 \\\n"
        "  --nnodes 2 \\\n"
        "  --node-rank 0 \\\n"
        "  --master-addr $HEAD_ADDRESS \\\n"
        "  --master-port 29501"
    )
    assert worker.text == head.text.replace("--node-rank 0", "--node-rank 1") + " \\\n  --headless"
    assert [each.name for each in launch.environment] == [
        "HEAD_ADDRESS",
        "GLOO_SOCKET_IFNAME",
        "NCCL_SOCKET_IFNAME",
        "NCCL_IB_HCA",
    ]


def test_two_nodes_of_ascend() -> None:
    """vllm-ascend's tutorial: the second node is headless and begins with rank 2."""
    launch = _launch(planned("deepseek-r1", "ascend-910b-64", 8, 2, context_tokens=16384))
    assert launch.image == "quay.io/ascend/vllm-ascend"
    head, worker = (shlex.split(each.text) for each in launch.commands)
    for words in (head, worker):
        assert words[words.index("--quantization") + 1] == "ascend"
        assert words[words.index("--data-parallel-size") + 1] == "4"
        assert words[words.index("--data-parallel-size-local") + 1] == "2"
        assert "--max-num-queued-reqs" not in words
    assert "--headless" not in head
    assert worker[worker.index("--data-parallel-start-rank") + 1] == "2"
    assert {"HCCL_IF_IP", "HCCL_SOCKET_IFNAME", "HCCL_OP_EXPANSION_MODE"} <= {
        each.name for each in launch.environment
    }


def test_engines_beside_each_other_have_cards_and_ports_of_their_own() -> None:
    launch = _launch(planned("deepseek-r1-distill-qwen-7b", "rtx-4090", 3))
    assert [each.text.split(" ", 1)[0] for each in launch.commands] == [
        "CUDA_VISIBLE_DEVICES=0",
        "CUDA_VISIBLE_DEVICES=1",
        "CUDA_VISIBLE_DEVICES=2",
    ]
    assert [each.text.split("--port ")[1] for each in launch.commands] == ["8000", "8001", "8002"]


def test_speculation_and_a_small_cache() -> None:
    answer = planned("deepseek-r1", "h200", 8, kv_cache="fp8")
    words = shlex.split(_launch(answer).commands[0].text)
    assert json.loads(words[words.index("--speculative-config") + 1]) == {
        "method": "mtp",
        "num_speculative_tokens": 1,
    }
    assert words[words.index("--kv-cache-dtype") + 1] == "fp8"
    without = _launch(planned("deepseek-r1", "h200", 8, speculation=False))
    assert "--speculative-config" not in [flag.name for flag in without.flags]


def test_every_shared_flag_is_in_every_command() -> None:
    launch = _launch(planned("deepseek-r1", "mi300x", 8))
    assert [each.name for each in launch.environment] == ["VLLM_ROCM_USE_AITER"]
    for flag in launch.flags:
        assert all(flag.words in command.text for command in launch.commands)


def test_weights_that_nobody_publishes_are_a_path() -> None:
    launch = _launch(planned("deepseek-r1", "a100-80", 8, 4, precision="bf16"))
    if launch.model == "$MODEL_PATH":
        assert "MODEL_PATH" in [each.name for each in launch.environment]
    assert launch.commands[0].text.startswith(f"vllm serve {launch.model} ")
