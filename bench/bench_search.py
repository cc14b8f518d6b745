"""Search at 100,000 passages over 20 tenants, each asked by somebody who may not read all of it.

    python bench/bench_search.py [--passages N]

Starts a PostgreSQL of its own, with the settings of the embedded one, and throws it away. Everything goes through the
doors of production: Django's connection as the application role, the scope of a principal, `PassageIndex`, `Retriever`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from deploy.embedded.testing import Servers, choose_servers, start_postgres, throw_away

if TYPE_CHECKING:
    from search_load import Loaded
    from search_measure import TenantResult

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results/search.json"
WARM_UP = 3
_SIZES = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE relname LIKE 'rag_%' AND relkind IN ('r', 'i') AND pg_relation_size(oid) > 1e6 ORDER BY relname
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    passages = parser.parse_args().passages
    servers = choose_servers(directory=Path(tempfile.mkdtemp(prefix="karez-bench-")))
    # Not the settings of a test run: the ones that people run.
    servers = replace(servers, cluster=replace(servers.cluster, throwaway=False))
    running = None
    try:
        running = start_postgres(servers)
        report = _run(servers, passages)
    finally:
        if running is not None:
            running.stop()
        throw_away(servers)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


def _run(servers: Servers, passages: int) -> dict[str, Any]:
    _set_up(servers)
    from search_corpus import Corpus  # Django is set up by now
    from search_load import load
    from search_measure import measure

    corpus = Corpus(passages=passages)
    loaded = load(owner=servers.urls.owner, corpus=corpus)
    print(
        f"loaded {passages} passages: {loaded.rate:.0f}/s, {loaded.rate_with_hnsw:.0f}/s with the HNSW index in"
        f" place; HNSW built in {loaded.hnsw_seconds:.0f} s"
    )
    print(
        f"{'tenant %':>8} {'readable':>8} {'recall@10':>9}   dense p50/p99   keyword p50/p99   hybrid p50/p99 ms"
    )
    results = []
    for tenant in corpus.tenants:
        queries = list(corpus.queries(tenant))
        measure(tenant=tenant, loaded=loaded, queries=queries[:WARM_UP])
        results.append(measure(tenant=tenant, loaded=loaded, queries=queries))
        print(_row(results[-1]), flush=True)
    return _report(servers, passages, loaded, results)


def _set_up(servers: Servers) -> None:
    owner = {"KAREZ_OWNER_DATABASE_URL": servers.urls.owner, "KAREZ_DATABASE_URL": servers.urls.owner}
    os.environ.update(servers.environment())
    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "-v0"],
        cwd=ROOT, env=os.environ | owner, check=True, timeout=300,
    )  # fmt: skip
    sys.path.insert(0, str(ROOT / "platform"))
    import django

    django.setup()


def _row(result: "TenantResult") -> str:
    from search_measure import MODES

    times = "   ".join(
        f"{result.percentile(mode, 50):6.1f} {result.percentile(mode, 99):6.1f}  " for mode in MODES
    )
    return f"{result.share:8} {result.readable:8} {result.recall:9.3f}   {times}"


def _report(
    servers: Servers, passages: int, loaded: "Loaded", results: Sequence["TenantResult"]
) -> dict[str, Any]:
    from search_measure import MODES, percentiles

    with psycopg.connect(servers.urls.owner) as owner:
        sizes: dict[str, int] = dict(owner.execute(_SIZES).fetchall())
    return {
        "bench": "search",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "load_average": os.getloadavg()[0],
        "passages": passages,
        "tenants": len(results),
        **{f"{mode}_ms": percentiles(results, mode) for mode in MODES},
        "recall_at_10_lowest_tenant": min(result.recall for result in results),
        "load_passages_per_s": round(loaded.rate),
        "load_passages_per_s_with_hnsw": round(loaded.rate_with_hnsw),
        "hnsw_build_s": round(loaded.hnsw_seconds, 1),
        "bytes_per_passage": round(sum(sizes.values()) / passages),
        "sizes": sizes,
        "by_tenant": [
            {
                "share_percent": result.share,
                "readable": result.readable,
                "recall_at_10": round(result.recall, 4),
                **{f"{mode}_ms": percentiles([result], mode) for mode in MODES},
            }
            for result in results
        ],
    }


if __name__ == "__main__":
    main()
