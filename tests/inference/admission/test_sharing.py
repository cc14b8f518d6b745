"""Three real processes and a real Valkey: shares, one tenant's flood, limits kept together, and Valkey dying in the middle."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
import redis

from deploy.embedded.testing import Servers, choose_servers, start_valkey, throw_away
from inference.admission import Gate, Limits, Sharing, UnderWay, under_way
from inference.admission.report import Report
from tests.deploy.processes import within
from tests.inference.admission.parties import party

ROOT = Path(__file__).resolve().parents[3]
MODULE = "tests.inference.admission.gateway_process"
Tenants = list[dict[str, Any]]


@dataclass
class Seen:
    """What all processes wrote."""

    served: list[tuple[str, float, float, float]]  # tenant, asked, begun, ended
    refused: list[tuple[str, str]]
    shared: list[list[tuple[float, bool, int]]]  # by process

    def tenant(self, name: str) -> list[tuple[float, float, float]]:
        return [(asked, begun, ended) for tenant, asked, begun, ended in self.served if tenant == name]

    def waits(self, name: str) -> list[float]:
        return sorted(begun - asked for asked, begun, _ended in self.tenant(name))

    def at_once(self, *, since: float = 0.0, tenant: str | None = None) -> int:
        """The most that were served at one time."""
        changes = [
            change
            for name, _asked, begun, ended in self.served
            if tenant in (None, name)
            for change in ((begun, 1), (ended, -1))
        ]
        most = running = 0
        for at, change in sorted(changes):
            running += change
            if at >= since:
                most = max(most, running)
        return most


class Processes:
    """They begin together, when each has heard of all."""

    def __init__(
        self, *, url: str, tenants: list[Tenants], capacity: int, service: float, seconds: float
    ) -> None:
        plan = {
            "url": url,
            "key": f"test:{uuid4().hex}",
            "capacity": capacity,
            "service": service,
            "seconds": seconds,
            "processes": len(tenants),
        }
        self._running = [
            subprocess.Popen(
                [sys.executable, "-m", MODULE, json.dumps({**plan, "tenants": some})],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for some in tenants
        ]
        assert [process.stdout.readline() for process in self._running if process.stdout] == [
            "ready\n"
        ] * len(tenants)
        self.begin = time.monotonic() + 0.2
        for process in self._running:
            assert process.stdin
            process.stdin.write(f"{self.begin}\n")
            process.stdin.flush()

    def seen(self) -> Seen:
        logs = [json.loads(process.communicate(timeout=60)[0]) for process in self._running]
        return Seen(
            served=[tuple(one) for log in logs for one in log["served"]],
            refused=[tuple(one) for log in logs for one in log["refused"]],
            shared=[[tuple(one) for one in log["shared"]] for log in logs],
        )

    def sleep_until(self, seconds: float) -> None:
        time.sleep(max(0.0, self.begin + seconds - time.monotonic()))


def percentile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))]


@pytest.mark.soak
def test_weighted_shares_hold_over_three_processes(valkey_server: Servers) -> None:
    """The heavy ones are unevenly spread, and one sits at one process alone."""
    a, b, c = {"name": "a", "weight": 1}, {"name": "b", "weight": 2}, {"name": "c", "weight": 3}
    processes = Processes(
        url=valkey_server.valkey.url(1),
        capacity=12,
        service=0.05,
        seconds=8,
        tenants=[
            [{**a, "clients": 30}, {**b, "clients": 10}],
            [{**b, "clients": 10}, {**c, "clients": 10}],
            [{**c, "clients": 30}],
        ],
    )
    seen = processes.seen()
    since = processes.begin + 1
    counts = Counter(tenant for tenant, _asked, begun, _ended in seen.served if begun >= since)
    everything = sum(counts.values())
    print(
        "shares",
        {name: round(counts[name] / everything, 4) for name in "abc"},
        "at once",
        seen.at_once(since=since),
    )
    for name, weight in (("a", 1), ("b", 2), ("c", 3)):
        assert counts[name] / everything == pytest.approx(weight / 6, rel=0.1)
    assert seen.at_once(since=since) <= 12
    # Seven seconds of twelve places: places that change hands cost little.
    assert everything > 0.8 * 7 * 12 / 0.05


@pytest.mark.soak
def test_a_tenants_flood_at_most_doubles_the_others_time_to_first_token(valkey_server: Servers) -> None:
    """To the first token: the wait and a service of 50 ms. Three others ask now and then at every process."""
    others: Tenants = [{"name": f"o{n}", "clients": 1, "pause": 0.12} for n in range(3)]

    def p99(*, flood: int) -> float:
        tenants: Tenants = [*others, {"name": "flood", "clients": flood}]
        processes = Processes(
            url=valkey_server.valkey.url(1), capacity=24, service=0.05, seconds=5, tenants=[tenants] * 3
        )
        seen = processes.seen()
        since = processes.begin + 1
        times = sorted(
            ended - asked
            for name in ("o0", "o1", "o2")
            for asked, _b, ended in seen.tenant(name)
            if asked >= since
        )
        assert len(times) > 100
        return percentile(times, 0.99)

    # A machine that stalls for a moment makes a p99 worse and never better: the best of three pairs is the gate's own.
    ratios: list[float] = []
    while len(ratios) < 3 and min(ratios, default=9.0) > 2:
        calm, flooded = p99(flood=0), p99(flood=80)
        print(f"p99 to the first token: {calm * 1000:.0f} ms alone, {flooded * 1000:.0f} ms beside the flood")
        ratios.append(flooded / calm)
    assert min(ratios) <= 2


@pytest.mark.soak
def test_limits_are_kept_by_all_processes_together(valkey_server: Servers) -> None:
    """600 a minute are 10 a second, and ten seconds' worth may come at once."""
    rates = {"name": "a", "clients": 8, "limits": {"requests_per_minute": 600}}
    few = {"name": "b", "clients": 8, "limits": {"concurrency": 5}}
    processes = Processes(
        url=valkey_server.valkey.url(1), capacity=100, service=0.05, seconds=6, tenants=[[rates, few]] * 3
    )
    seen = processes.seen()
    number, at_once = len(seen.tenant("a")), seen.at_once(tenant="b")
    print(f"{number} requests in 6 s, {at_once} at once of 5")
    allowed = 100 + 6 * 10
    assert allowed * 0.85 <= number <= allowed + 3 + 10 * 0.2 * 2
    assert 4 <= at_once <= 5 + 2
    assert {kind for name, kind in seen.refused if name == "a"} == {"requests"}
    assert {kind for name, kind in seen.refused if name == "b"} == {"concurrency"}


@pytest.fixture
def own_valkey() -> Iterator[Servers]:
    directory = Path(tempfile.mkdtemp(prefix="karez-vk-"))
    chosen = choose_servers(directory=directory)
    yield chosen
    throw_away(chosen)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.soak
def test_when_valkey_dies_they_go_on_within_their_parts_and_agree_again_when_it_is_back(
    own_valkey: Servers,
) -> None:
    running = start_valkey(own_valkey)
    some: Tenants = [{"name": "a", "clients": 10}]
    processes = Processes(
        url=own_valkey.valkey.url(1), capacity=9, service=0.03, seconds=7, tenants=[some, some, some]
    )
    processes.sleep_until(2)
    server = next(
        pid for pid, line in within(own_valkey.valkey.directory).items() if "valkey-server 127" in line
    )
    os.kill(server, signal.SIGKILL)
    running.leash.wait(timeout=5)
    processes.sleep_until(4.5)
    running = start_valkey(own_valkey)
    back = time.monotonic() - processes.begin
    seen = processes.seen()
    running.stop()

    for process in seen.shared:
        states = {at - processes.begin: (shared, number) for at, shared, number in process}
        assert all(state == (True, 3) for at, state in states.items() if 1 <= at < 2)
        assert all(state == (False, 3) for at, state in states.items() if 3.5 <= at < 4.4)
        assert all(state == (True, 3) for at, state in states.items() if back + 1 <= at < 6.9)
    by_half_second = Counter(
        int((begun - processes.begin) * 2) for _name, _asked, begun, _ended in seen.served
    )
    print("served each half second", [by_half_second[n] for n in range(14)])
    # Compared with themselves: how fast a machine is that others use too says nothing about Valkey.
    with_it, without_it = [by_half_second[n] for n in (1, 2, 3)], [by_half_second[n] for n in (6, 7, 8)]
    assert median(without_it) > 0.7 * median(with_it)
    assert min(by_half_second[number] for number in range(13)) > 0
    assert seen.at_once(since=processes.begin + 0.5) <= 9


async def test_alone_and_without_valkey_nothing_is_held_back() -> None:
    gate = Gate()
    gate.set_capacity(pool="r1", capacity=7)
    sharing = Sharing(gate=gate, url="redis://127.0.0.1:9/0")
    began = time.monotonic()
    await sharing.exchange()
    assert time.monotonic() - began < 1
    assert not sharing.shared
    assert gate.pools["r1"].limit == 7


async def test_who_was_told_of_more_processes_takes_its_part_until_they_are_heard_of() -> None:
    gate = Gate()
    gate.set_capacity(pool="r1", capacity=8)
    sharing = Sharing(gate=gate, url="redis://127.0.0.1:9/0", least=4)
    await sharing.exchange()
    assert gate.pools["r1"].limit == 2


async def test_what_nobody_of_us_wrote_is_not_believed(valkey_server: Servers) -> None:
    key = f"test:{uuid4().hex}"
    client = redis.Redis.from_url(valkey_server.valkey.url(1))
    long_gone = Report(at=1.0, pools={}, accounts={}).encoded()
    client.hset(key, mapping={"x": "nonsense", "y": '{"form": 1, "at": {}}', "z": long_gone})
    gate = Gate()
    gate.set_capacity(pool="r1", capacity=8)
    sharing = Sharing(gate=gate, url=valkey_server.valkey.url(1), key=key)
    await sharing.exchange()
    await sharing.exchange()
    assert sharing.shared
    assert gate.pools["r1"].limit == 8
    assert [name.decode() for name in client.hkeys(key)] == [sharing.process]
    assert 0 < client.ttl(key) <= 60


async def test_who_only_looks_hears_what_is_under_way_and_what_waits(valkey_server: Servers) -> None:
    key, url = f"test:{uuid4()}", valkey_server.valkey.url(1)
    gate = Gate()
    sharing = Sharing(gate=gate, url=url, key=key)
    gate.set_capacity(pool="r1", capacity=1)
    who = party("a", "x", limits=Limits(concurrency=9), department_limits=Limits(requests_per_minute=600))
    await sharing.exchange()
    await sharing.exchange()
    assert gate.try_enter(party=who, pool="r1", cost=1)
    waits = asyncio.ensure_future(gate.enter(party=who, pool="r1", cost=1))
    await asyncio.sleep(0)
    await sharing.exchange()
    assert under_way(url=url, key=key) == UnderWay({"a": 2, "a/x": 2}, {"a": 1})
    waits.cancel()
    assert under_way(url="redis://127.0.0.1:1/0") is None


def test_a_process_of_an_older_version_tells_of_nobody_who_waits() -> None:
    told = Report(at=1.0, pools={}, accounts={}, waiting={"a": 2})
    assert Report.read(told.encoded()) == told
    older = json.loads(told.encoded())
    del older["waiting"]
    assert Report.read(json.dumps(older).encode()) == Report(at=1.0, pools={}, accounts={})
