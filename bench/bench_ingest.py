"""Passages per second from upload to ready, and as a fraction of the embedding model alone on the same texts.

Both go through the same embedding service on the same two cores, one after the other: first the documents end to end,
then, with the workers idle, exactly the texts that they were cut into. What parsing, splitting, loading and the database
cost beyond what overlaps with embedding is the difference. Needs the shared data sets.
"""

import argparse
import json
import os
import platform as machine
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from ingest_platform import Platform, running_platform

from deploy.commands import EMBED_PROCESSES
from deploy.embedded.ports import LOOPBACK

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("KAREZ_SHARED_DIR", ROOT.parent / "shared")) / "datasets"
RESULT = ROOT / "bench" / "results" / "ingest.json"
CORES = 2
UPLOADS_AT_ONCE = 4
READY_SECONDS = 1800
STATUSES = """
SELECT v.status, count(*) FROM documents_version v JOIN documents_document d ON d.id = v.document_id
WHERE d.knowledge_base_id = %s GROUP BY v.status
"""
PASSAGES = """
SELECT p.version_id, v.title, p.section, p.text FROM documents_passage p JOIN documents_version v ON v.id = p.version_id
JOIN documents_document d ON d.id = p.document_id WHERE d.knowledge_base_id = %s ORDER BY p.version_id, p.ordinal
"""
ENDED = ("ready", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    documents: int
    passages: int
    seconds: float
    alone_seconds: float
    cpu_seconds: dict[str, float]

    @property
    def ratio(self) -> float:
        return self.alone_seconds / self.seconds

    @property
    def per_second(self) -> float:
        return self.passages / self.seconds

    @property
    def alone_per_second(self) -> float:
        return self.passages / self.alone_seconds


def texts_of(data_set: str, suffix: str, limit: int) -> Iterator[Source]:
    with (SHARED / data_set / "corpus.jsonl").open(encoding="utf-8") as file:
        for _, line in zip(range(limit), file, strict=False):
            row = json.loads(line)
            heading = f"# {row['title']}\n\n" if suffix == "md" else f"{row['title']}\n\n"
            yield Source(f"{data_set}-{row['doc_id']}.{suffix}", (heading + row["text"]).encode())


def pdfs_of(data_set: str, limit: int) -> Iterator[Source]:
    for path in sorted((SHARED / data_set / "files").glob("*.pdf"), key=lambda path: path.stat().st_size)[
        :limit
    ]:
        yield Source(path.name, path.read_bytes())


def corpus(scale: float) -> list[Source]:
    def some(count: int) -> int:
        return max(1, round(count * scale))

    return [
        *pdfs_of("financebench-en", some(3)),
        *pdfs_of("energy-zh", some(2)),
        *texts_of("energy-zh", "txt", some(3)),
        *texts_of("dragonball-zh", "md", some(20)),
        *texts_of("stard-law-zh", "txt", some(20)),
        *texts_of("dragonball-en", "txt", some(20)),
    ]


def upload_all(client: httpx.Client, base: str, sources: list[Source]) -> None:
    def upload(source: Source) -> None:
        response = client.post(
            f"knowledge-bases/{base}/documents", files={"file": (source.name, source.content)}
        )
        if response.status_code not in (200, 202):
            raise RuntimeError(f"{source.name}: {response.status_code} {response.text}")

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(upload, sources))


def wait_until_ready(platform: Platform, base: str, documents: int) -> None:
    """Looks past the API: polling it would take part in the measurement."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        statuses = {str(status): int(str(count)) for status, count in platform.rows(STATUSES, base)}
        if sum(count for status, count in statuses.items() if status in ENDED) >= documents:
            if set(statuses) != {"ready"}:
                raise RuntimeError(f"not every document became ready: {statuses}")
            return
        time.sleep(0.1)
    raise TimeoutError(f"not ready after {READY_SECONDS} s")


def embedded_alone(platform: Platform, batches: list[list[str]]) -> float:
    """Seconds for the same texts in the same batches, with as many requests at once as the worker has."""
    url = f"http://{LOOPBACK}:{platform.embedding_port}/v1/embeddings"
    headers = {"Authorization": f"Bearer {platform.environment['KAREZ_EMBEDDING_API_KEY']}"}

    def embed(texts: list[str]) -> None:
        body = {"model": "use-multilingual-v3-passage", "input": texts, "encoding_format": "base64"}
        client.post(url, json=body, headers=headers, timeout=300).raise_for_status()

    with httpx.Client(trust_env=False) as client, ThreadPoolExecutor(2) as pool:
        embed(batches[0][:8])
        begun = time.monotonic()
        list(pool.map(embed, batches))
        return time.monotonic() - begun


def indexed_batches(platform: Platform, base: str) -> list[list[str]]:
    """The texts that were embedded, in the client's batches of 64."""
    from rag.text import embedded_text

    documents: dict[object, list[str]] = defaultdict(list)
    for version, title, section, text in platform.rows(PASSAGES, base):
        documents[version].append(embedded_text(title=str(title), section=str(section), text=str(text)))
    return [texts[i : i + 64] for texts in documents.values() for i in range(0, len(texts), 64)]


def cpu_of(platform: Platform) -> dict[str, float]:
    """CPU seconds so far of each part, children included."""
    used: dict[str, float] = {}
    names = {
        "inference.embedding.server": "embedding",
        "uvicorn": "web",
        "parse@%h": "parse",
        "embed@%h": "embed",
    }
    roots = [psutil.Process(child.pid) for child in platform.children]
    roots += [psutil.Process(server.leash.pid) for server in platform.leashed]
    for root in roots:
        command = " ".join(root.cmdline())
        name = next((short for sign, short in names.items() if sign in command), "")
        name = name or next((short for short in ("postgres", "valkey", "beat") if short in command), "other")
        tree = [root, *root.children(recursive=True)]
        total = 0.0
        for process in tree:
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
        used[name] = used.get(name, 0.0) + total
    return used


def measure(platform: Platform, sources: list[Source]) -> Measured:
    """One round, in an organisation of its own. It stays: deleting it would have the next round measure the vacuum."""
    with platform.client(key=platform.make_key()) as client:
        base = client.post("knowledge-bases", json={"name": "bench", "department": "finance"}).json()["id"]
        before = cpu_of(platform)
        begun = time.monotonic()
        upload_all(client, base, sources)
        wait_until_ready(platform, base, len(sources))
        seconds = time.monotonic() - begun
        after = cpu_of(platform)
        batches = indexed_batches(platform, base)
    used = {name: round(after[name] - before[name], 1) for name in after}
    return Measured(
        documents=len(sources),
        passages=sum(map(len, batches)),
        seconds=seconds,
        alone_seconds=embedded_alone(platform, batches),
        cpu_seconds=used,
    )


def report(rounds: list[Measured], arguments: argparse.Namespace) -> dict[str, Any]:
    measured = sorted(rounds, key=lambda one: one.ratio)[len(rounds) // 2]  # the median
    ratios = [round(one.ratio, 3) for one in rounds]
    print(f"{'documents':28}{measured.documents:>10}")
    print(f"{'passages':28}{measured.passages:>10}")
    print(f"{'upload to ready':28}{measured.seconds:>9.1f}s{measured.per_second:>10.1f} passages/s")
    alone = f"{measured.alone_seconds:>9.1f}s{measured.alone_per_second:>10.1f} passages/s"
    print(f"{'embedding alone':28}{alone}")
    for name, seconds in sorted(measured.cpu_seconds.items(), key=lambda item: -item[1]):
        print(f"  CPU of {name:21}{seconds:>8.1f}s")
    return {
        "bench": "ingest",
        "passages_per_s": round(measured.per_second, 1),
        "embedding_alone_per_s": round(measured.alone_per_second, 1),
        "ratio": round(measured.ratio, 3),
        "ratios_of_rounds": ratios,
        "documents": measured.documents,
        "passages": measured.passages,
        "cores": CORES,
        "embedding_threads": arguments.embedding_threads,
        "cpu_seconds": measured.cpu_seconds,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{machine.machine()}, {os.cpu_count()} CPUs, Python {machine.python_version()}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the corpus")
    parser.add_argument("--embedding-threads", type=int, default=1, help="as `make up` starts the service")
    parser.add_argument(
        "--embed-workers", type=int, default=EMBED_PROCESSES, help="processes of the embedding worker"
    )
    parser.add_argument("--rounds", type=int, default=3, help="the median of their ratios is reported")
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(
            json.dumps({"bench": "ingest", "skipped": "the shared data sets are absent (KAREZ_SHARED_DIR)"})
        )
        return 0
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    sources = corpus(arguments.scale)
    with running_platform(
        embedding_threads=arguments.embedding_threads, embed_workers=arguments.embed_workers
    ) as platform:
        result = report([measure(platform, sources) for _ in range(arguments.rounds)], arguments)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
