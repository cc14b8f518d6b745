"""What the planner is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from inference.catalogue import Precision

Objective = Literal["auto", "latency", "throughput"]
KvCache = Literal["auto", "fp8"]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be served at the same time, in tokens of the model.

    ``context_tokens`` is the longest question with its answer, ``concurrency`` how many are answered at once, and a request has
    ``prompt_tokens`` and ``answer_tokens`` (reasoning included) on average.
    """

    context_tokens: int = 32768
    concurrency: int = 16
    requests_per_second: float = 0.0
    prompt_tokens: int = 2000
    answer_tokens: int = 1000

    @property
    def request_tokens(self) -> int:
        """What an average request leaves in the KV cache at its end."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True)
class CostInputs:
    """Money is in ``currency``; nothing of it is known to the planner but the price of the API.

    Either ``purchase_per_card`` (with what belongs to a card: its share of servers and network), or ``lease_per_card_hour``.
    ``watts_per_card`` replaces the board's power of the catalogue; ``watts_per_node`` is what a server takes besides its cards.
    ``pue`` is the data centre's power usage effectiveness. ``api_model`` is a name of the price book; the book of the
    model's family without it. ``exchange_rate``: units of ``currency`` for one of the price book's.
    """

    currency: str = "CNY"
    purchase_per_card: Decimal | None = None
    amortisation_months: int = 36
    lease_per_card_hour: Decimal | None = None
    running_per_month: Decimal = Decimal(0)
    power_price_kwh: Decimal = Decimal(0)
    pue: Decimal = Decimal("1.3")
    watts_per_card: Decimal | None = None
    watts_per_node: Decimal = Decimal(0)
    requests_per_month: int = 0
    cache_hit_share: Decimal = Decimal(0)
    off_peak_share: Decimal = Decimal(0)
    api_model: str | None = None
    exchange_rate: Decimal | None = None
    start: date | None = None


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
    costs: CostInputs | None = None
