"""The planner: from a model and hardware to whether it fits, how to start it, how fast it can be at most, and what to buy.

    from inference.planner import PlanRequest, Workload, plan
    answer = plan(request=PlanRequest(model="deepseek-r1", accelerator="h200", cards_per_node=8))
    answer.fits, answer.chosen.layout.label      # True, "TP8 EP8"
    print(answer.launch.commands[0].text)        # vllm serve deepseek-ai/DeepSeek-R1 …

Nothing here uses the network or speaks a language: what it has to say are codes with numbers (``Note``).
"""

from __future__ import annotations

from inference.planner.bounds import DecodeBound, Load, PrefillBound
from inference.planner.buying import Alternative, Purchase, planned_weights
from inference.planner.candidates import BUSY, Candidate
from inference.planner.costs import COST_LIMITS, ApiCosts, CostSheet, OwnCosts
from inference.planner.errors import PlanInputError
from inference.planner.flags import Command, Flag, Launch, Variable
from inference.planner.layout import Hardware, Layout
from inference.planner.memory import RUNTIME_GIB, CardMemory, KvCapacity
from inference.planner.notes import Note
from inference.planner.plan import LIMITS, Plan, plan
from inference.planner.request import CostInputs, KvCache, Objective, PlanRequest, Workload
from inference.prices import PriceBook, PricedModel, price_books

__all__ = [
    "BUSY",
    "COST_LIMITS",
    "LIMITS",
    "RUNTIME_GIB",
    "Alternative",
    "ApiCosts",
    "Candidate",
    "CardMemory",
    "Command",
    "CostInputs",
    "CostSheet",
    "DecodeBound",
    "Flag",
    "Hardware",
    "KvCache",
    "KvCapacity",
    "Launch",
    "Layout",
    "Load",
    "Note",
    "Objective",
    "OwnCosts",
    "Plan",
    "PlanInputError",
    "PlanRequest",
    "PrefillBound",
    "PriceBook",
    "PricedModel",
    "Purchase",
    "Variable",
    "Workload",
    "plan",
    "planned_weights",
    "price_books",
]
