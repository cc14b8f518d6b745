"""`make bench-chat`: concurrent streamed answers through the chat process, against the fake platform.

The chat process is held to one core; the fake platform and the readers have the others. Each answer is 20 pieces of
reasoning and 100 of text, one every 20 ms, as an engine of 50 tokens a second gives them. Every reader is another person.

Readers ask one after another, spread over the time that an answer takes, so that all of them are being answered together;
`burst` has all of them ask at the same instant.

first   from the question to the first piece, less the same asked of the platform directly
gap     between two updates of an answer (repaints are at most ten a second: 100 ms is as smooth as it gets)
CPU     of the chat process, for one answer
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.embedded.ports import find_free  # noqa: E402

RESULT = ROOT / "bench/results/chat.json"
QUESTION = "量"
ANSWER_SECONDS = 2.4
LEVELS = (1, 20, 40, 60)


@dataclass(frozen=True)
class Level:
    concurrent: int
    first_direct_ms: float
    first_chat_ms: float
    first_added_ms: float
    burst_added_ms: float
    gap_p50_ms: float
    gap_p99_ms: float
    cpu_per_answer_ms: float
    cpu_share: float
    total_seconds: float
    rss_mib: float


@dataclass(frozen=True)
class Timed:
    first: float
    total: float
    gaps: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--levels", type=int, nargs="*", default=LEVELS)
    arguments = parser.parse_args()
    with processes() as (direct, chat, process):
        levels = []
        asyncio.run(measure(direct, chat, process, 2))  # warm
        for concurrent in arguments.levels:
            levels.append(asyncio.run(measure(direct, chat, process, concurrent)))
    print_table(levels)
    report(levels)


@contextmanager
def processes() -> Iterator[tuple[str, str, psutil.Process]]:
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as state:
        direct, chat = f"http://127.0.0.1:{find_free()}", f"http://127.0.0.1:{find_free()}"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KAREZ_CONTROL_URL": direct,
            "KAREZ_STATE_DIR": state,
        }
        commands = [["tests.fakes.platform", "--port", direct[-5:]], ["frontend.chat", "--port", chat[-5:]]]
        started = [
            subprocess.Popen([sys.executable, "-m", *command], env=environment, cwd=ROOT)
            for command in commands
        ]
        try:
            wait_for(f"{chat}/chat/healthz")
            wait_for(f"{direct}/_test/requests")
            process = psutil.Process(started[1].pid)
            if cores > 1:
                process.cpu_affinity([0])
                psutil.Process(started[0].pid).cpu_affinity(list(range(1, cores)))
                psutil.Process().cpu_affinity(list(range(1, cores)))
            yield direct, chat, process
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait(20)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer")


async def measure(direct: str, chat: str, process: psutil.Process, concurrent: int) -> Level:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:
        people = [await signed_in(client, direct, f"u{number}") for number in range(concurrent)]
        for cookie in people:  # what opening the page does
            await client.post(
                f"{chat}/chat/gradio_api/run/boot", json={"data": [{}]}, headers={"Cookie": cookie}
            )
        plain = await spread(ANSWER_SECONDS, [through_platform(client, direct, cookie) for cookie in people])
        before, began = cpu(process), time.perf_counter()
        shown = await spread(ANSWER_SECONDS, [through_chat(client, chat, cookie) for cookie in people])
        spent, took = cpu(process) - before, time.perf_counter() - began
        direct_burst = await spread(0, [through_platform(client, direct, cookie) for cookie in people])
        burst = await spread(0, [through_chat(client, chat, cookie) for cookie in people])
    gaps = sorted(gap for timed in shown for gap in timed.gaps)
    first_direct, first_chat = median_first(plain) * 1000, median_first(shown) * 1000
    return Level(
        concurrent=concurrent,
        first_direct_ms=round(first_direct, 1),
        first_chat_ms=round(first_chat, 1),
        first_added_ms=round(first_chat - first_direct, 1),
        burst_added_ms=round((median_first(burst) - median_first(direct_burst)) * 1000, 1),
        gap_p50_ms=round(gaps[len(gaps) // 2] * 1000, 1),
        gap_p99_ms=round(gaps[int(len(gaps) * 0.99)] * 1000, 1),
        cpu_per_answer_ms=round(spent / concurrent * 1000, 1),
        cpu_share=round(spent / took, 2),
        total_seconds=round(statistics.median(timed.total for timed in shown), 2),
        rss_mib=round(process.memory_info().rss / 2**20, 1),
    )


async def spread(seconds: float, asked: list[Coroutine[Any, Any, Timed]]) -> list[Timed]:
    """All of them, begun over so many seconds."""

    async def later(place: int, one: Coroutine[Any, Any, Timed]) -> Timed:
        await asyncio.sleep(seconds * place / len(asked))
        return await one

    return await asyncio.gather(*(later(place, one) for place, one in enumerate(asked)))


def median_first(answers: list[Timed]) -> float:
    return statistics.median(timed.first for timed in answers)


async def signed_in(client: httpx.AsyncClient, direct: str, name: str) -> str:
    response = await client.get(f"{direct}/sign-in", params={"user": name, "next": "/"})
    client.cookies.clear()
    return f"sessionid={response.headers['set-cookie'].split('sessionid=')[1].split(';')[0]}"


async def through_platform(client: httpx.AsyncClient, direct: str, cookie: str) -> Timed:
    token = await client.get(f"{direct}/api/v1/session/token", headers={"Cookie": cookie})
    headers = {"Authorization": f"Bearer {token.json()['token']}"}
    body = {"model": "assistant:hr", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    return await timed(
        client.stream("POST", f"{direct}/v1/chat/completions", json=body, headers=headers), "reasoning"
    )


async def through_chat(client: httpx.AsyncClient, chat: str, cookie: str) -> Timed:
    payload = {"text": QUESTION, "assistant": "hr", "submit": f"s{time.monotonic_ns()}"}
    began = time.perf_counter()
    call = f"{chat}/chat/gradio_api/call/ask"
    started = await client.post(call, json={"data": [payload]}, headers={"Cookie": cookie})
    stream = client.stream("GET", f"{call}/{started.json()['event_id']}", headers={"Cookie": cookie})
    return await timed(stream, '"reasoning":', began)


async def timed(request: Any, first_mark: str, began: float | None = None) -> Timed:
    """How long until the first piece of an answer, and between the ones after it."""
    began = began or time.perf_counter()
    first, last, gaps = 0.0, 0.0, []
    async with request as response:
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue
            now = time.perf_counter()
            if not first and first_mark in line:
                first = now - began
            elif first:
                gaps.append(now - last)
            last = now
    return Timed(first, last - began, tuple(gaps))


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def print_table(levels: list[Level]) -> None:
    columns = (
        "concurrent",
        "first ms: direct / chat / added",
        "burst: added",
        "gap p50 / p99 ms",
        "CPU an answer ms",
        "of one core",
        "RSS MiB",
    )
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for one in levels:
        cells = (
            one.concurrent,
            f"{one.first_direct_ms} / {one.first_chat_ms} / {one.first_added_ms}",
            one.burst_added_ms,
            f"{one.gap_p50_ms} / {one.gap_p99_ms}",
            one.cpu_per_answer_ms,
            f"{one.cpu_share:.0%}",
            one.rss_mib,
        )
        print(f"| {' | '.join(map(str, cells))} |")


def report(levels: list[Level]) -> None:
    at = {one.concurrent: one for one in levels}
    twenty = at.get(20, levels[-1])
    summary = {
        "bench": "chat",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "first_token_added_ms": twenty.first_added_ms,
        "burst_first_token_added_ms": twenty.burst_added_ms,
        "gap_p99_ms": twenty.gap_p99_ms,
        "cpu_per_answer_ms": twenty.cpu_per_answer_ms,
        "levels": [asdict(one) for one in levels],
    }
    RESULT.write_text(json.dumps(summary, indent=1) + "\n")
    print(f"\n{json.dumps({key: value for key, value in summary.items() if key != 'levels'})}")


if __name__ == "__main__":
    main()
