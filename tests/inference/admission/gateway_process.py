"""A process that lets clients in and out of a gate and writes what happened to stdout: started by `test_sharing`.

An engine is a pause; times are of the clock that all processes of a machine share.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any

from inference.admission import Gate, Limits, Member, Party, Refused, Sharing

START_SECONDS = 60


async def client(
    *, gate: Gate, plan: dict[str, Any], tenant: dict[str, Any], end: float, log: dict[str, Any]
) -> None:
    limits = Limits(**tenant.get("limits", {}))
    who = Party(Member(tenant["name"], tenant.get("weight", 1), limits))
    chance = random.Random(f"{tenant['name']}{time.monotonic()}")
    await asyncio.sleep(chance.random() * tenant.get("pause", 0.02) + tenant.get("after", 0))
    while time.monotonic() < end:
        asked = time.monotonic()
        try:
            ticket = gate.try_enter(party=who, pool="r1", cost=100) or await gate.enter(
                party=who, pool="r1", cost=100
            )
        except Refused as refused:
            log["refused"].append([tenant["name"], refused.kind])
            await asyncio.sleep(0.05)
            continue
        begun = time.monotonic()
        await asyncio.sleep(plan["service"] * chance.uniform(0.8, 1.2))
        ticket.leave(tokens=100)
        log["served"].append([tenant["name"], asked, begun, time.monotonic()])
        if "pause" in tenant:
            await asyncio.sleep(tenant["pause"])


async def watch(*, sharing: Sharing, log: dict[str, Any]) -> None:
    while True:
        log["shared"].append([time.monotonic(), sharing.shared, sharing.processes])
        await asyncio.sleep(0.05)


async def main(plan: dict[str, Any]) -> None:
    gate = Gate()
    sharing = Sharing(gate=gate, url=plan["url"], key=plan["key"])
    gate.set_capacity(pool="r1", capacity=plan["capacity"])
    log: dict[str, Any] = {"served": [], "refused": [], "shared": []}
    beside = [asyncio.ensure_future(sharing.run()), asyncio.ensure_future(watch(sharing=sharing, log=log))]
    async with asyncio.timeout(START_SECONDS):
        while not sharing.shared or sharing.processes < plan["processes"]:
            await asyncio.sleep(0.02)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin = float(await asyncio.to_thread(sys.stdin.readline))
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    end = time.monotonic() + plan["seconds"]
    await asyncio.gather(
        *(
            client(gate=gate, plan=plan, tenant=tenant, end=end, log=log)
            for tenant in plan["tenants"]
            for _ in range(tenant["clients"])
        )
    )
    for task in beside:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*beside, return_exceptions=True)
    sys.stdout.write(json.dumps(log))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
