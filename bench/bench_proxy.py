"""What stands in front: Caddy against the ASGI server as its own proxy, both against no proxy at all.

    python bench/bench_proxy.py [--rounds 3]

The same backend behind each, rounds alternating. The last line is one JSON object; ratios are to the way without a proxy.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from proxy_parts import CHUNK  # noqa: E402

from deploy.embedded.ports import LOOPBACK, find_free, is_free  # noqa: E402
from deploy.embedded.proxy import Proxy, find_binary  # noqa: E402

RESULT = ROOT / "bench/results/proxy.json"
CHUNKS, PAUSE = 100, 0.02
FIRST_BYTES, STREAMS = 150, 20
PLAIN_SECONDS, PLAIN_TURNS, PLAIN_CONNECTIONS = 0.3, 7, 16
UPLOAD_BYTES = 50 * 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 20.0
MISSED_SECONDS, ROUND_SECONDS = 3.0, 60.0


@dataclass
class Way:
    """To the backend: through the process, or straight."""

    name: str
    port: int
    process: subprocess.Popen[bytes] | None

    def cpu(self) -> float:
        """Processor seconds so far."""
        if self.process is None:
            return 0.0
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        if self.process is None:
            return 0
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@dataclass
class Figures:
    """Of one way; one value a round, but for the gaps, which are pooled."""

    first_byte_ms: list[float] = field(default_factory=list)
    cpu_us_per_chunk: list[float] = field(default_factory=list)
    gaps_one: list[float] = field(default_factory=list)
    gaps_many: list[float] = field(default_factory=list)
    plain_per_s: list[float] = field(default_factory=list)
    upload_mb_s: list[float] = field(default_factory=list)
    upload_growth_mib: list[float] = field(default_factory=list)
    idle_mib: list[float] = field(default_factory=list)
    gone_streaming_ms: list[float] = field(default_factory=list)
    gone_waiting_ms: list[float] = field(default_factory=list)


@contextlib.contextmanager
def ways() -> Iterator[list[Way]]:
    """The backend, straight and behind each proxy."""
    backend, caddy, asgi = find_free(), find_free(), find_free()
    bench = str(Path(__file__).parent)
    server = [sys.executable, "-m", "uvicorn", "--log-level", "critical", "--app-dir", bench]
    server += ["--timeout-graceful-shutdown", "1"]
    with tempfile.TemporaryDirectory(prefix="karez-bench-") as directory:
        address = f"{LOOPBACK}:{backend}"
        described = Proxy(
            binary=find_binary(), directory=Path(directory), host=LOOPBACK, port=caddy, prefix="", web=address
        )
        own = {**os.environ, "BACKEND": f"http://{address}"}
        running = [
            subprocess.Popen([*server, "--port", str(backend), "proxy_parts:backend"]),
            subprocess.Popen(described.command(), env=described.environment(), stderr=subprocess.DEVNULL),
            subprocess.Popen([*server, "--port", str(asgi), "proxy_parts:proxy"], env=own),
        ]
        try:
            for port in (backend, caddy, asgi):
                wait_for(port)
            yield [
                Way("straight", backend, None),
                Way("caddy", caddy, running[1]),
                Way("asgi", asgi, running[2]),
            ]
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()


def wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while is_free(port=port):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing listens on {port}")
        time.sleep(0.05)


async def opened(way: Way, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(LOOPBACK, way.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def arrivals(way: Way, chunks: int, pause: float) -> list[float]:
    """Milliseconds from the request to each chunk."""
    begin = time.perf_counter()
    reader, writer = await opened(way, f"/stream?chunks={chunks}&pause={pause}")
    seen: list[float] = []
    for _ in range(chunks):
        await reader.readuntil(CHUNK)
        seen.append((time.perf_counter() - begin) * 1000)
    writer.close()
    return seen


def gaps(seen: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(seen)]


async def plain_rate(way: Way) -> float:
    end = time.perf_counter() + PLAIN_SECONDS

    async def client() -> int:
        reader, writer = await asyncio.open_connection(LOOPBACK, way.port)
        done = 0
        while time.perf_counter() < end:
            writer.write(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split()[0]
            await reader.readexactly(int(length))
            done += 1
        writer.close()
        return done

    return sum(await asyncio.gather(*(client() for _ in range(PLAIN_CONNECTIONS)))) / PLAIN_SECONDS


async def upload(way: Way) -> tuple[float, float]:
    """MB/s, and by how many MiB the proxy grew at most."""
    before = largest = way.resident()
    reader, writer = await asyncio.open_connection(LOOPBACK, way.port)
    head = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n"
    writer.write(head.encode())
    begin, block = time.perf_counter(), b"x" * 65536
    for _ in range(UPLOAD_BYTES // len(block)):
        writer.write(block)
        await writer.drain()
        largest = max(largest, way.resident())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b"200" not in answer.splitlines()[0]:
        raise ConnectionError(f"{way.name}: {answer!r}")
    seconds = time.perf_counter() - begin
    writer.close()
    return UPLOAD_BYTES / 1e6 / seconds, (largest - before) / 2**20


async def missed_after(way: Way, straight: Way, of: str) -> float:
    """Milliseconds until the backend knows that its client has gone; 0 when it is never told."""
    path = f"/stream?chunks=10000&pause={PAUSE}" if of == "stream" else "/wait"
    reader, writer = await opened(way, path)
    await (reader.readuntil(CHUNK) if of == "stream" else asyncio.sleep(0.2))
    writer.transport.abort()
    left = time.monotonic()
    while time.monotonic() - left < MISSED_SECONDS:
        await asyncio.sleep(0.02)
        asked, answer = await opened(straight, f"/gone?of={of}")
        await asked.readuntil(b"\r\n\r\n")
        told = json.loads(await asked.read(64))
        answer.close()
        if told:
            return float(told - left) * 1000
    return 0.0


async def one_round(every: Sequence[Way], measured: dict[str, Figures]) -> None:
    """What is short is asked of all ways in turn, so that other work on the machine meets all alike."""
    first: dict[str, list[float]] = {way.name: [] for way in every}
    plain: dict[str, list[float]] = {way.name: [] for way in every}
    for _ in range(FIRST_BYTES):
        for way in every:
            first[way.name] += await arrivals(way, 1, 0)
    for _ in range(PLAIN_TURNS):
        for way in every:
            plain[way.name].append(await plain_rate(way))
    for way in every:
        measured[way.name].first_byte_ms.append(statistics.median(first[way.name]))
        measured[way.name].plain_per_s.append(statistics.median(plain[way.name]))
        # A proxy that swallows something must not stop the measurement for ever.
        async with asyncio.timeout(ROUND_SECONDS):
            await streams_and_uploads(way, every[0], measured[way.name])


async def streams_and_uploads(way: Way, straight: Way, figures: Figures) -> None:
    figures.gaps_one += gaps(await arrivals(way, CHUNKS, PAUSE))
    before = way.cpu()
    many = await asyncio.gather(*(arrivals(way, CHUNKS, PAUSE) for _ in range(STREAMS)))
    figures.cpu_us_per_chunk.append((way.cpu() - before) * 1e6 / (CHUNKS * STREAMS))
    figures.gaps_many += [gap for seen in many for gap in gaps(seen)]
    speed, growth = await upload(way)
    figures.upload_mb_s.append(speed)
    figures.upload_growth_mib.append(growth)
    figures.gone_streaming_ms.append(await missed_after(way, straight, "stream"))
    figures.gone_waiting_ms.append(await missed_after(way, straight, "wait"))
    figures.idle_mib.append(way.resident() / 2**20)


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def told(milliseconds: Sequence[float]) -> float | None:
    return round(max(milliseconds), 1) if all(milliseconds) else None


def summary(figures: Figures, straight: Figures) -> dict[str, float | None]:
    """Medians of the rounds; of a hang-up the slowest, and null when one was not passed on."""
    middle = statistics.median
    first = [own - bare for own, bare in zip(figures.first_byte_ms, straight.first_byte_ms, strict=True)]
    plain = [own / bare for own, bare in zip(figures.plain_per_s, straight.plain_per_s, strict=True)]
    speed = [own / bare for own, bare in zip(figures.upload_mb_s, straight.upload_mb_s, strict=True)]
    many = percentile(figures.gaps_many, 99)
    return {
        "first_byte_ms": round(middle(figures.first_byte_ms), 2),
        "added_first_byte_ms": round(middle(first), 2),
        "cpu_us_per_chunk": round(middle(figures.cpu_us_per_chunk), 1),
        "gap_p99_ms_1": round(percentile(figures.gaps_one, 99), 1),
        "gap_p99_ms_20": round(many, 1),
        "gap_p99_ratio_20": round(many / percentile(straight.gaps_many, 99), 2),
        "plain_per_s": round(middle(figures.plain_per_s)),
        "plain_ratio": round(middle(plain), 2),
        "upload_ratio": round(middle(speed), 2),
        "upload_growth_mib": round(max(figures.upload_growth_mib), 1),
        "gone_streaming_ms": told(figures.gone_streaming_ms),
        "gone_waiting_ms": told(figures.gone_waiting_ms),
        "resident_mib": round(middle(figures.idle_mib), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with ways() as every:
        measured = {way.name: Figures() for way in every}
        asyncio.run(one_round(every, {way.name: Figures() for way in every}))  # warms up
        for _ in range(rounds):
            asyncio.run(one_round(every, measured))
    found = {name: summary(figures, measured["straight"]) for name, figures in measured.items()}
    print(f"{'':<24}" + "".join(f"{name:>12}" for name in found))
    for row in found["straight"]:
        print(
            f"{row:<24}"
            + "".join(f"{one[row] if one[row] is not None else '-':>12}" for one in found.values())
        )
    middle = statistics.median
    asgi, caddy = measured["asgi"], measured["caddy"]
    result = {
        "bench": "proxy",
        "asgi_to_caddy_cpu_per_chunk": round(
            middle(asgi.cpu_us_per_chunk) / middle(caddy.cpu_us_per_chunk), 2
        ),
        "caddy_to_asgi_plain": round(middle(caddy.plain_per_s) / middle(asgi.plain_per_s), 2),
        **found,
        "rounds": rounds,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
