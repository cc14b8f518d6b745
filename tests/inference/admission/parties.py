"""Who asks, in these tests; and a clock that is set by hand."""

from dataclasses import dataclass

from inference.admission import NO_LIMITS, Limits, Member, Party, Priority


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def party(
    tenant: str = "bank",
    department: str | None = None,
    *,
    weight: int = 1,
    department_weight: int = 1,
    limits: Limits = NO_LIMITS,
    department_limits: Limits = NO_LIMITS,
    priority: Priority = "interactive",
) -> Party:
    member = department and Member(f"{tenant}/{department}", department_weight, department_limits)
    return Party(Member(tenant, weight, limits), member or None, priority)
