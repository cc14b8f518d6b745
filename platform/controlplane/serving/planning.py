"""Questions to the planner, as they come over the API, from the command and from the console."""

from typing import Any

from django.utils import timezone

from controlplane.serving.plan_texts import plan_problem
from inference.planner import CostInputs, Plan, PlanInputError, PlanRequest, Workload, plan


def plan_request(*, data: dict[str, Any]) -> PlanRequest:
    """From what `PlanRequestSerializer` has validated; the sheet of costs begins today unless it says when."""
    fields = dict(data)
    work, costs = fields.pop("workload", {}), fields.pop("costs", None)
    if costs is not None:
        costs = CostInputs(**{"start": timezone.localdate(), **costs})
    return PlanRequest(**fields, workload=Workload(**work), costs=costs)


def planned(*, request: PlanRequest) -> Plan:
    """The planner's answer. Raises `InvalidInput` naming field and remedy."""
    try:
        return plan(request=request)
    except PlanInputError as error:
        raise plan_problem(error=error) from error
