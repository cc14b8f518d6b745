"""What /v1 costs: requests and streams through the gateway process, against the engine straight and, where they are
installed, against LiteLLM and vLLM's own router.

    python bench/bench_gateway.py [--rounds 5] [--peers DIRECTORY]

The platform is started with an engine that costs next to nothing; keys, routing, journal and ledger are on. The gateway and
each peer are one process on one core, engine and load on the other. Rounds alternate. The last line is one JSON object; ratios
are medians of the rounds' own. DIRECTORY is a virtual environment with `vllm-router` and `litellm[proxy]`.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.embedded.ports import LOOPBACK, find_free  # noqa: E402

RESULT = ROOT / "bench/results/gateway.json"
TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY_CORE, LOAD_CORE = "0", "1"
START_SECONDS = 90.0
SETTLE_SECONDS = 120.0
# Name, clients, requests, further arguments of gateway_load.py.
SERIES: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("one", 1, 1500, ()),
    ("16", 16, 6000, ()),
    ("64", 64, 6000, ()),
    ("long", 16, 600, ("--prompt", "200000")),
    ("streams", 64, 128, ("--stream", "--model", "bench-64-20")),
)
# Once each, through the gateway alone: many open streams, clients that leave, and whether it grows.
MANY_STREAMS, LEAVING, LASTING = 1000, 10, 200_000
# What takes a hundred times as long is asked a tenth.
SLOW = {"litellm": 10}


@dataclass
class Way:
    """To the engine: through a process, or straight. One value a round in each series."""

    name: str
    port: int
    key: str = "none"
    pid: int = 0
    ledger: int = 0
    figures: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def cpu(self) -> float:
        """Processor seconds so far, of the process and what it started."""
        return sum(_seconds(pid) for pid in _tree(self.pid)) if self.pid else 0.0

    def resident_mib(self) -> float:
        pages = (
            sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _tree(self.pid))
            if self.pid
            else 0
        )
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def measure(self, series: str, clients: int, requests: int, more: tuple[str, ...]) -> None:
        count = str(max(clients, requests // SLOW.get(self.name, 1)))
        command = ["taskset", "-c", LOAD_CORE, sys.executable, str(ROOT / "bench/gateway_load.py")]
        command += [
            "--port",
            str(self.port),
            "--key",
            self.key,
            "--clients",
            str(clients),
            "--requests",
            count,
            *more,
        ]
        before = self.cpu()
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
        found: dict[str, float] = json.loads(done.stdout)
        found["cpu_ms"] = (self.cpu() - before) * 1000 / int(count)
        found["resident_mib"] = self.resident_mib()
        self.figures.setdefault(series, []).append(found)
        self.settle()

    def settle(self) -> None:
        """Wait until what is written afterwards, off the request's path, is written: it would be somebody else's burden."""
        end, before = time.monotonic() + SETTLE_SECONDS, -1.0
        while self.ledger and time.monotonic() < end:
            time.sleep(1.0)
            now = sum(_seconds(pid) for pid in _tree(self.ledger))
            if before >= 0 and now - before < 0.05:
                return
            before = now


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def engine() -> Iterator[int]:
    port = find_free()
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        sys.executable,
        str(ROOT / "bench/gateway_engine.py"),
        "--port",
        str(port),
    ]
    with started(command, port):
        yield port


@contextlib.contextmanager
def started(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """The process, once it listens."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[3:5]} does not listen on {port}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def karez(engine_port: int) -> Iterator[Way]:
    """The platform, whose gateway process is moved to a core of its own."""
    engines = [
        {"name": name, "url": f"http://{LOOPBACK}:{engine_port}/v1", "model": name}
        for name in ("bench-64-0", "bench-64-20")
    ]
    with tempfile.TemporaryDirectory(prefix="karez-bench-") as directory:
        given = {
            "KAREZ_STATE_DIR": directory,
            "KAREZ_PORT": str(find_free()),
            "KAREZ_MODEL": "none",
            "KAREZ_ENGINES": json.dumps(engines),
        }
        run = [sys.executable, "-m", "deploy.embedded"]
        environment = {**os.environ, **given}
        subprocess.run(
            [*run, "up", "--detach"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        try:
            status = json.loads(Path(directory, "run/status.json").read_text())
            access = json.loads(Path(directory, "access.json").read_text())
            pid = status["leashes"]["gateway"]
            for each in _tree(pid):
                subprocess.run(
                    ["taskset", "-a", "-p", "-c", GATEWAY_CORE, str(each)],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            key = access["tenants"][0]["departments"][0]["api_key"]
            yield Way("karez", status["ports"]["gateway"], key, pid, status["leashes"]["ledger"])
        finally:
            subprocess.run([*run, "down"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def peers(directory: str | None, engine_port: int) -> Iterator[list[Way]]:
    """Those that are installed; of the others it is said that they are not."""
    with contextlib.ExitStack() as stack:
        found: list[Way] = []
        for name in ("vllm-router", "litellm"):
            program = Path(directory or "/nowhere", "bin", name)
            if not program.exists():
                print(f"{name}: not measured, for it is not installed (--peers)", file=sys.stderr)
                continue
            port = find_free()
            command = [
                "taskset",
                "-c",
                GATEWAY_CORE,
                str(program),
                *_arguments(name, port, engine_port, stack),
            ]
            quiet = {
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOG": "ERROR",
                "LITELLM_MODE": "PRODUCTION",
            }
            pid = stack.enter_context(started(command, port, quiet))
            found.append(Way(name, port, "sk-bench", pid))
        yield found


def _arguments(name: str, port: int, engine_port: int, stack: contextlib.ExitStack) -> list[str]:
    engine_url = f"http://{LOOPBACK}:{engine_port}"
    if name == "vllm-router":
        return [
            "--host",
            LOOPBACK,
            "--port",
            str(port),
            "--worker-urls",
            engine_url,
            "--policy",
            "cache_aware",
        ]
    models = [
        {
            "model_name": model,
            "litellm_params": {"model": f"openai/{model}", "api_base": f"{engine_url}/v1", "api_key": "none"},
        }
        for model in ("bench-64-0", "bench-64-20")
    ]
    settings = {"model_list": models, "general_settings": {"master_key": "sk-bench"}}
    file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "litellm.json")
    file.write_text(json.dumps(settings))  # YAML reads JSON
    return ["--config", str(file), "--host", LOOPBACK, "--port", str(port), "--num_workers", "1"]


def middle(way: Way, series: str, name: str) -> float:
    return statistics.median(each[name] for each in way.figures[series])


def ratio(one: Way, other: Way, series: str, name: str) -> float:
    pairs = zip(one.figures[series], other.figures[series], strict=True)
    return round(statistics.median(a[name] / b[name] for a, b in pairs), 2)


def once(own: Way, straight: Way) -> dict[str, object]:
    """Of the gateway alone: a thousand streams at once, clients that hang up, and its memory after very many requests."""
    streamed = ("--stream", "--model", "bench-64-20")
    own.measure("many", MANY_STREAMS, MANY_STREAMS, streamed)
    own.measure("leaving", LEAVING, LEAVING, (*streamed, "--leave", str(straight.port)))
    own.measure("lasting", 64, LASTING // 10, ())
    before = own.resident_mib()
    own.measure("lasting", 64, LASTING, ())
    return {
        "open_streams": MANY_STREAMS - round(own.figures["many"][0]["failed"]),
        "open_streams_first_p99_ms": round(own.figures["many"][0]["first_p99"]),
        "hang_up_stops_engine_ms": round(own.figures["leaving"][0]["stopped_ms"]),
        "hang_ups_that_reached_the_engine": round(own.figures["leaving"][0]["stopped"]),
        "grown_mib_over_200k": round(own.resident_mib() - before, 1),
    }


def result_of(own: Way, straight: Way, others: list[Way], rounds: int) -> dict[str, object]:
    pieces = middle(own, "streams", "pieces") / 128
    result: dict[str, object] = {
        "bench": "gateway",
        "per_s_16": round(middle(own, "16", "per_s")),
        "per_s_64": round(middle(own, "64", "per_s")),
        "cpu_ms_per_request": round(middle(own, "16", "cpu_ms"), 3),
        "cpu_us_per_chunk": round(middle(own, "streams", "cpu_ms") * 1000 / pieces, 1),
        "cpu_ms_200_kB": round(middle(own, "long", "cpu_ms"), 2),
        "added_p50_ms": round(middle(own, "one", "p50") - middle(straight, "one", "p50"), 2),
        "added_p99_ms": round(middle(own, "one", "p99") - middle(straight, "one", "p99"), 2),
        "added_first_byte_ms": round(
            middle(own, "streams", "first_p50") - middle(straight, "streams", "first_p50"), 2
        ),
        "resident_mib": round(middle(own, "64", "resident_mib")),
        "failed": sum(each["failed"] for figures in own.figures.values() for each in figures),
    }
    for other in others:
        name = other.name.replace("-", "_")
        result |= {f"vs_{name}_{series}": ratio(own, other, series, "per_s") for series in ("16", "64")}
    return result | {
        "rounds": rounds,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    }


def show(ways: list[Way]) -> None:
    rows = [
        (f"{name} {what}", name, what)
        for name, *_ in SERIES
        for what in ("per_s", "p50", "p99", "first_p50", "cpu_ms")
    ]
    print(f"{'':<20}" + "".join(f"{way.name:>14}" for way in ways))
    for title, series, what in rows:
        print(f"{title:<20}" + "".join(f"{middle(way, series, what):>14.3f}" for way in ways))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="a virtual environment with vllm-router and litellm[proxy]")
    given = parser.parse_args()
    with engine() as port, karez(port) as own, peers(given.peers, port) as others:
        ways = [Way("straight", port), own, *others]
        for number in range(given.rounds + 1):
            for series, clients, requests, more in SERIES:
                for way in ways:
                    way.measure(series, clients, requests, more)
            if number == 0:  # it warmed up
                for way in ways:
                    way.figures.clear()
        show(ways)
        result = result_of(own, ways[0], others, given.rounds)
        result |= once(own, ways[0])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
