"""What the planner says about a plan: codes with numbers, put into words by whoever shows them.

Nothing here speaks a language: the console and the command have the texts in theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FitCode = Literal[
    "fits",
    "weights_too_large",
    "kv_too_small",
    "no_layout",
    "contexts_enough",
    "contexts_typical",
    "contexts_too_few",
    "load_light",
    "load_heavy",
    "load_too_much",
    "context_beyond_published",
    "precision_smaller",
]
LayoutCode = Literal[
    "one_card",
    "tensor_within_node",
    "tensor_over_pcie",
    "tensor_heads_ascend",
    "pipeline_over_nodes",
    "pipeline_without_link",
    "data_parallel_latent",
    "data_parallel_copies",
    "experts_spread",
    "latent_copied",
    "latent_divided",
    "kv_heads_copied",
    "replicas",
]
FlagCode = Literal[
    "flag_served_name",
    "flag_port",
    "flag_tensor",
    "flag_pipeline",
    "flag_data",
    "flag_data_local",
    "flag_data_address",
    "flag_experts",
    "flag_decode_context",
    "flag_context",
    "flag_sequences",
    "flag_batched_tokens",
    "flag_memory",
    "flag_kv_fp8",
    "flag_prefix_caching",
    "flag_reasoning",
    "flag_tools",
    "flag_tool_template",
    "flag_speculation",
    "flag_quantization",
    "flag_cached_tokens",
    "flag_queue",
    "flag_nodes",
    "flag_head",
    "flag_headless",
    "flag_start_rank",
    "flag_graphs",
]
EnvironmentCode = Literal[
    "env_interface",
    "env_infiniband",
    "env_modelscope",
    "env_aiter",
    "env_head",
    "env_model_path",
    "env_ascend_address",
    "env_ascend_memory",
    "env_ascend_aiv",
    "env_ascend_balance",
    "env_ascend_threads",
    "env_ascend_links",
]
CostCode = Literal[
    "cost_paid_back",
    "cost_paid_back_late",
    "cost_never_paid_back",
    "cost_lease_cheaper",
    "cost_lease_dearer",
    "cost_beyond_capacity",
]
NoteCode = FitCode | LayoutCode | FlagCode | EnvironmentCode | CostCode
Value = str | int | float


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence to be."""

    code: NoteCode
    values: Mapping[str, Value] = field(default_factory=dict)
