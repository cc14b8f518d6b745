"""How to start vLLM for a layout: flags, environment and a command for each kind of node, with a reason for everything.

Names of flags are those of vLLM 0.32 (``vllm serve --help``); for Ascend those of the tutorials of vllm-ascend, which is some
versions behind, so that flags it may not know yet are left out there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from inference.planner.candidates import Candidate
from inference.planner.layout import Hardware
from inference.planner.memory import ModelSize
from inference.planner.notes import EnvironmentCode, FlagCode, Note, Value
from inference.planner.request import PlanRequest

_MASTER_PORT = 29501
_RPC_PORT = 13345
_FIRST_PORT = 8000
# Of the tutorial of vllm-ascend; vLLM's own recipe of V3 takes one.
_PREDICTED_ASCEND, _PREDICTED = 3, 1


@dataclass(frozen=True, slots=True)
class Flag:
    """``value`` None for a switch. ``$NAME`` in it is a variable of the environment."""

    name: str
    value: str | None
    reason: Note

    @property
    def words(self) -> str:
        """As it stands in a shell."""
        if self.value is None:
            return self.name
        plain = self.value.startswith("$") and self.value[1:].replace("_", "").isalnum()
        return f"{self.name} {self.value if plain else shlex.quote(self.value)}"


@dataclass(frozen=True, slots=True)
class Variable:
    """Of the environment. ``value`` empty where only the reader knows it."""

    name: str
    value: str
    reason: Note


@dataclass(frozen=True, slots=True)
class Command:
    """What to run on a node. ``engine`` counts those beside each other in it, ``node`` the nodes of one engine."""

    engine: int
    node: int
    text: str


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that starts the engines of a candidate."""

    image: str
    model: str
    environment: tuple[Variable, ...]
    flags: tuple[Flag, ...]
    commands: tuple[Command, ...]


def launch(*, size: ModelSize, hardware: Hardware, candidate: Candidate, request: PlanRequest) -> Launch:
    """Flags that all nodes share, and the commands with those that differ."""
    context = _Context(size, hardware, candidate, request)
    flags = tuple(context.flags())
    model = size.weights.repository or "$MODEL_PATH"
    return Launch(
        image=_image(hardware),
        model=model,
        environment=tuple(context.environment()),
        flags=flags,
        commands=tuple(context.commands(model, flags)),
    )


def _image(hardware: Hardware) -> str:
    images = {
        "nvidia": "vllm/vllm-openai",
        "amd": "vllm/vllm-openai-rocm",
        "huawei": "quay.io/ascend/vllm-ascend",
    }
    return images[hardware.accelerator.vendor]


@dataclass(frozen=True, slots=True)
class _Context:
    size: ModelSize
    hardware: Hardware
    candidate: Candidate
    request: PlanRequest

    @property
    def _is_ascend(self) -> bool:
        return self.hardware.accelerator.is_ascend

    @property
    def _nodes(self) -> int:
        return self.candidate.layout.nodes(cards_per_node=self.hardware.cards_per_node)

    @property
    def _engines_a_node(self) -> int:
        """Engines beside each other in one node; 1 where an engine has a node or more."""
        return max(1, self.hardware.cards_per_node // self.candidate.layout.engine_cards)

    def flags(self) -> Iterator[Flag]:
        entry = self.size.entry
        yield _flag("--served-model-name", entry.id, "flag_served_name")
        yield from self._parallel()
        yield from self._memory()
        yield from self._model()
        yield from self._serving()

    def _parallel(self) -> Iterator[Flag]:
        layout = self.candidate.layout
        yield _flag("--tensor-parallel-size", layout.tensor, "flag_tensor", n=layout.tensor)
        if layout.pipeline > 1:
            yield _flag("--pipeline-parallel-size", layout.pipeline, "flag_pipeline", n=layout.pipeline)
        if layout.data > 1:
            yield _flag("--data-parallel-size", layout.data, "flag_data", n=layout.data)
        if layout.experts:
            n = layout.tensor * layout.data
            yield _flag("--enable-expert-parallel", None, "flag_experts", n=n)
        if layout.context > 1:
            yield _flag(
                "--decode-context-parallel-size", layout.context, "flag_decode_context", n=layout.context
            )

    def _memory(self) -> Iterator[Flag]:
        candidate, work = self.candidate, self.request.workload
        yield _flag("--max-model-len", work.context_tokens, "flag_context", n=work.context_tokens)
        yield _flag("--max-num-seqs", candidate.sequences, "flag_sequences", n=candidate.sequences)
        yield _flag("--max-num-batched-tokens", candidate.batched_tokens, "flag_batched_tokens")
        share = f"{self.request.utilization:g}"
        yield _flag(
            "--gpu-memory-utilization", share, "flag_memory", share=round(self.request.utilization * 100, 1)
        )
        if self.request.kv_cache == "fp8":
            yield _flag("--kv-cache-dtype", "fp8", "flag_kv_fp8")
        yield _flag("--enable-prefix-caching", None, "flag_prefix_caching")

    def _model(self) -> Iterator[Flag]:
        vllm = self.size.entry.vllm
        if self._is_ascend and self.size.weights.precision == "int8":
            yield _flag("--quantization", "ascend", "flag_quantization")
        if vllm is not None and vllm.reasoning_parser is not None:
            yield _flag("--reasoning-parser", vllm.reasoning_parser.name, "flag_reasoning")
        if vllm is not None and vllm.tool_parser is not None:
            yield _flag("--enable-auto-tool-choice", None, "flag_tools")
            yield _flag("--tool-call-parser", vllm.tool_parser.name, "flag_tools")
            if vllm.tool_parser.template is not None:
                yield _flag("--chat-template", vllm.tool_parser.template, "flag_tool_template")
        if self.candidate.speculates:
            count = _PREDICTED_ASCEND if self._is_ascend else _PREDICTED
            config = f'{{"method":"mtp","num_speculative_tokens":{count}}}'
            yield _flag("--speculative-config", config, "flag_speculation", n=count)

    def _serving(self) -> Iterator[Flag]:
        yield _flag("--enable-prompt-tokens-details", None, "flag_cached_tokens")
        if self._is_ascend:
            yield _flag("--compilation-config", '{"cudagraph_mode":"FULL_DECODE_ONLY"}', "flag_graphs")
            return
        queue = 2 * self.candidate.sequences * self.candidate.layout.data
        yield _flag("--max-num-queued-reqs", queue, "flag_queue", n=queue)

    def environment(self) -> Iterator[Variable]:
        if self.size.weights.repository is None:
            yield _variable("MODEL_PATH", "", "env_model_path")
        if self.size.weights.hub == "modelscope":
            yield _variable("VLLM_USE_MODELSCOPE", "True", "env_modelscope")
        if self.hardware.accelerator.vendor == "amd":
            yield _variable("VLLM_ROCM_USE_AITER", "1", "env_aiter")
        if self._nodes > 1:
            yield _variable("HEAD_ADDRESS", "", "env_head")
        if self._is_ascend:
            yield from self._ascend()
        elif self._nodes > 1:
            for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
                yield _variable(name, "", "env_interface")
            if self.hardware.accelerator.vendor == "nvidia":
                yield _variable("NCCL_IB_HCA", "mlx5", "env_infiniband")

    def _ascend(self) -> Iterator[Variable]:
        yield _variable("PYTORCH_NPU_ALLOC_CONF", "expandable_segments:True", "env_ascend_memory")
        yield _variable("HCCL_OP_EXPANSION_MODE", "AIV", "env_ascend_aiv")
        if self.candidate.layout.data > 1:
            yield _variable("VLLM_ASCEND_BALANCE_SCHEDULING", "1", "env_ascend_balance")
        if self._nodes == 1:
            return
        yield _variable("HCCL_IF_IP", "", "env_ascend_address")
        for name in ("GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "HCCL_SOCKET_IFNAME"):
            yield _variable(name, "", "env_interface")
        for name, value in (("OMP_PROC_BIND", "false"), ("OMP_NUM_THREADS", "1")):
            yield _variable(name, value, "env_ascend_threads")
        for name, value in (("HCCL_INTRA_PCIE_ENABLE", "1"), ("HCCL_INTRA_ROCE_ENABLE", "0")):
            yield _variable(name, value, "env_ascend_links")

    def commands(self, model: str, flags: tuple[Flag, ...]) -> Iterator[Command]:
        """For the first engine of each kind: those beside each other in a node differ, nodes alike do not."""
        for engine in range(self._engines_a_node):
            for node in range(self._nodes):
                own = (*self._engine_flags(engine), *self._node_flags(node))
                yield Command(engine, node, self._line(model, (*flags, *own), engine))

    def _line(self, model: str, flags: tuple[Flag, ...], engine: int) -> str:
        lines = [f"vllm serve {model}", *(f"  {flag.words}" for flag in flags)]
        return self._devices(engine) + " \\\n".join(lines)

    def _devices(self, engine: int) -> str:
        if self._engines_a_node == 1:
            return ""
        cards = self.candidate.layout.engine_cards
        names = {"huawei": "ASCEND_RT_VISIBLE_DEVICES", "amd": "HIP_VISIBLE_DEVICES"}
        name = names.get(self.hardware.accelerator.vendor, "CUDA_VISIBLE_DEVICES")
        return f"{name}={','.join(str(engine * cards + card) for card in range(cards))} "

    def _engine_flags(self, engine: int) -> Iterator[Flag]:
        if self._engines_a_node > 1:
            yield _flag("--port", _FIRST_PORT + engine, "flag_port")

    def _node_flags(self, node: int) -> Iterator[Flag]:
        """What a node of an engine over several has besides; without Ray, as vLLM does by itself since 0.12."""
        layout, nodes = self.candidate.layout, self._nodes
        if nodes == 1:
            return
        if layout.data > 1:
            local = layout.data // nodes
            yield _flag("--data-parallel-size-local", local, "flag_data_local", n=local)
            yield _flag("--data-parallel-address", "$HEAD_ADDRESS", "flag_data_address")
            yield _flag("--data-parallel-rpc-port", _RPC_PORT, "flag_data_address")
            if node:
                yield _flag("--headless", None, "flag_headless")
                yield _flag("--data-parallel-start-rank", node * local, "flag_start_rank")
            return
        yield _flag("--nnodes", nodes, "flag_nodes", n=nodes)
        yield _flag("--node-rank", node, "flag_nodes", n=nodes)
        yield _flag("--master-addr", "$HEAD_ADDRESS", "flag_head")
        yield _flag("--master-port", _MASTER_PORT, "flag_head")
        if node:
            yield _flag("--headless", None, "flag_headless")


def _flag(name: str, value: str | int | None, code: FlagCode, **values: Value) -> Flag:
    return Flag(name, None if value is None else str(value), Note(code, values))


def _variable(name: str, value: str, code: EnvironmentCode) -> Variable:
    return Variable(name, value, Note(code))
