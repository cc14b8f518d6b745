"""Resident memory of processes and everything below them, from /proc."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.leash import descendants

KIB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `pss` divides shared pages among their users, so that it may be summed over processes."""

    rss: int
    pss: int
    processes: int


def measure_tree(pid: int) -> Memory:
    """Processes that end meanwhile, or that we may not read, count nothing."""
    rss = pss = count = 0
    for member in (pid, *descendants(pid)):
        try:
            rows = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {row.split(":")[0]: int(row.split()[1]) for row in rows[1:] if row.endswith(" kB")}
        rss, pss, count = rss + sizes.get("Rss", 0) * KIB, pss + sizes.get("Pss", 0) * KIB, count + 1
    return Memory(rss=rss, pss=pss, processes=count)


def measure_stack(*, leashes: Mapping[str, int], supervisor: int) -> dict[str, Memory]:
    """Each child with its tree, and under `supervisor` what the supervisor needs for itself."""
    found = {name: measure_tree(pid) for name, pid in leashes.items()}
    whole = measure_tree(supervisor)
    found["supervisor"] = Memory(
        rss=whole.rss - sum(one.rss for one in found.values()),
        pss=whole.pss - sum(one.pss for one in found.values()),
        processes=whole.processes - sum(one.processes for one in found.values()),
    )
    return found
