"""Questions to the planner, in one line."""

from __future__ import annotations

from typing import Any

from inference.planner import Plan, PlanRequest, Workload, plan

GIB = 1024**3
_WORK = frozenset(Workload.__dataclass_fields__)


def ask(model: str, accelerator: str, cards: int, nodes: int = 1, **given: Any) -> PlanRequest:
    """Fields of the workload and of the request, in one."""
    work = Workload(**{name: value for name, value in given.items() if name in _WORK})
    rest = {name: value for name, value in given.items() if name not in _WORK}
    return PlanRequest(model, accelerator, cards, nodes, workload=work, **rest)


def planned(model: str, accelerator: str, cards: int, nodes: int = 1, **given: Any) -> Plan:
    """The answer."""
    return plan(request=ask(model, accelerator, cards, nodes, **given))
