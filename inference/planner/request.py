"""What the planner is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from inference.catalogue import Precision

Objective = Literal["auto", "latency", "throughput"]
KvCache = Literal["auto", "fp8"]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be served at the same time, in tokens of the model.

    ``context`` is the longest question with its answer, ``concurrency`` how many are answered at once, and a request has
    ``prompt_tokens`` and ``answer_tokens`` (reasoning included) on average.
    """

    context: int = 32768
    concurrency: int = 16
    requests_per_second: float = 0.0
    prompt_tokens: int = 2000
    answer_tokens: int = 1000

    @property
    def request_tokens(self) -> int:
        """What an average request leaves in the KV cache at its end."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A model in a precision (without one, the first of the catalogue that fits) on so many cards and nodes.

    ``speculation``: multi-token prediction, decided by the planner when None. ``utilization`` is vLLM's
    ``--gpu-memory-utilization``.
    """

    model: str
    accelerator: str
    cards_per_node: int
    nodes: int = 1
    precision: Precision | None = None
    workload: Workload = field(default_factory=Workload)
    objective: Objective = "auto"
    kv_cache: KvCache = "auto"
    speculation: bool | None = None
    utilization: float = 0.92
