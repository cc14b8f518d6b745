"""Every part of the data plane is killed under load, and then it is counted: each request has its answer or its reason, each
token is in the ledger once, and nothing is held by anybody who is gone."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import pytest

from deploy.embedded.ports import LOOPBACK
from tests.controlplane.api.openai.faults.engine import MODEL, PROMPT_TOKENS, pieces_of, text_of, usage_of
from tests.controlplane.api.openai.faults.stack import DataPlane
from tests.controlplane.documents.crash.stack import wait_for

pytestmark = pytest.mark.timeout(600)
CLIENTS = 12
# Longer than any limit that a request runs into here; one that takes longer is lost.
LOST_SECONDS = 60.0
PAUSE_SECONDS = 2.0

# answered: to its end. told: an error in OpenAI's shape, at once or at the end of a stream. left: by its client. cut: the
# connection ended, which only the death of the gateway excuses.
Ending = Literal["answered", "told", "left", "cut"]


@dataclass
class Seen:
    """By user: each asks once."""

    endings: dict[str, Ending] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    cut_at: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    stack = DataPlane(directory=tmp_path_factory.mktemp("faults"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def client(
    plane: DataPlane, port: int, numbers: Iterator[int], seen: Seen, over: asyncio.Event
) -> None:
    headers = {"Authorization": f"Bearer {plane.key}"}
    async with httpx.AsyncClient(
        base_url=f"http://{LOOPBACK}:{port}", headers=headers, timeout=LOST_SECONDS, trust_env=False
    ) as http:
        while not over.is_set():
            number = next(numbers)
            user = f"u{number}"
            body = {
                "model": MODEL,
                "messages": [{"role": "user", "content": user}],
                "user": user,
                "stream": number % 2 == 0,
            }
            try:
                ending = await one(http, body, user, seen, leaves=number % 14 == 0)
            except httpx.ConnectError:  # nobody listens while the gateway starts: nothing was asked
                await asyncio.sleep(0.1)
                continue
            except httpx.TimeoutException:
                seen.wrong.append(f"{user}: nothing in {LOST_SECONDS} s")
                continue
            except httpx.TransportError:
                seen.cut_at.append(time.monotonic())
                ending = "cut"
            seen.endings[user] = ending
            if ending == "told":
                await asyncio.sleep(0.05)


async def one(
    http: httpx.AsyncClient, body: dict[str, Any], user: str, seen: Seen, *, leaves: bool
) -> Ending:
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code != 200:
            return told(json.loads(await response.aread()), seen)
        if not body["stream"]:
            answer = json.loads(await response.aread())
            if answer["choices"][0]["message"]["content"] != text_of(user):
                seen.wrong.append(f"{user}: another answer")
            return "answered"
        return await streamed(response, user, seen, leaves=leaves)


async def streamed(response: httpx.Response, user: str, seen: Seen, *, leaves: bool) -> Ending:
    text, complete = "", False
    async for line in response.aiter_lines():
        if not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            complete = True
            break
        chunk = json.loads(line.removeprefix("data: "))
        if "error" in chunk:
            return told(chunk, seen)
        text += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
        if leaves and text.count(" ") >= 3:
            return "left"
    if not complete or text != text_of(user):
        seen.wrong.append(f"{user}: {'another answer' if complete else 'no end'}")
    return "answered"


def told(body: dict[str, Any], seen: Seen) -> Ending:
    error = body["error"]
    if not (error["message"] and error["type"] and error["code"]):
        seen.wrong.append(f"no error of OpenAI's shape: {body}")
    seen.codes[error["code"]] += 1
    return "told"


async def under_load(plane: DataPlane, faults: Callable[[], None]) -> Seen:
    """What the clients saw while the faults happened."""
    seen, over = Seen(), asyncio.Event()
    numbers = itertools.count(1)
    clients = [
        asyncio.create_task(client(plane, plane.gateway_ports[number % 2], numbers, seen, over))
        for number in range(CLIENTS)
    ]
    await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.to_thread(faults)
    await asyncio.sleep(PAUSE_SECONDS)
    over.set()
    await asyncio.gather(*clients)
    return seen


def test_nothing_is_lost_whatever_is_killed(plane: DataPlane) -> None:
    gateway_deaths: list[tuple[float, float]] = []

    def faults() -> None:
        rng = random.Random(4)
        steps = [
            lambda: plane.kill(plane.engines[0]),
            lambda: plane.kill(plane.engines[1]),
            lambda: plane.kill(plane.ledger),
            lambda: (plane.kill_valkey(), time.sleep(PAUSE_SECONDS), plane.start_valkey()),
            lambda: (plane.kill_postgres(), time.sleep(PAUSE_SECONDS), plane.start_postgres()),
            lambda: gateway_deaths.append(death(plane)),
            lambda: plane.kill(*plane.engines),
        ]
        rng.shuffle(steps)
        for step in steps:
            step()
            time.sleep(PAUSE_SECONDS)

    seen = asyncio.run(under_load(plane, faults))
    assert seen.wrong == [], (Counter(seen.endings.values()), dict(seen.codes))
    assert all(any(a <= at <= b for a, b in gateway_deaths) for at in seen.cut_at)
    count = Counter(seen.endings.values())
    assert count["answered"] > 10 * CLIENTS, (count, seen.codes)
    assert count["left"] > 0
    assert set(seen.codes) <= {"engine_unavailable"}, seen.codes
    wait_for(lambda: plane.under_way() == 0, seconds=10)
    wait_for(lambda: plane.slots_in_use() == 0, seconds=10)
    plane.take_the_rest()
    check_the_ledger(plane, seen)


def death(plane: DataPlane) -> tuple[float, float]:
    begun = time.monotonic()
    plane.kill(plane.gateways[0])
    return begun, time.monotonic()


def check_the_ledger(plane: DataPlane, seen: Seen) -> None:
    entries = plane.entries()
    assert max(Counter(entry[0] for entry in entries).values()) == 1
    by_user = {entry[0]: entry[1:] for entry in entries}
    missing = (set(plane.asked()) | {u for u, ending in seen.endings.items() if ending != "cut"}) - set(
        by_user
    )
    assert missing == set()
    for user, ending in seen.endings.items():
        if user not in by_user:
            continue  # its gateway died before an engine was asked
        outcome, _code, prompt, cached, completion, estimated = by_user[user]
        usage = usage_of(user)
        if ending == "answered":
            assert (outcome, estimated) == ("given", False), user
            assert (prompt, cached, completion) == (
                PROMPT_TOKENS,
                usage["prompt_tokens_details"]["cached_tokens"],
                usage["completion_tokens"],
            ), user
        else:
            expected = {
                "told": {"failed", "rejected"},
                "left": {"stopped", "given"},
                "cut": {"interrupted", "given"},
            }
            assert outcome in expected[ending], (user, ending, outcome)
            assert completion <= pieces_of(user)
