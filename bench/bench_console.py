"""The console on a seeded database: how much of the database's time its lists and figures take, and its pages over HTTP.

    python bench/bench_console.py [--documents N] [--messages N] [--audit-events N] [--explain] [--database]

Starts a PostgreSQL, a Valkey and a web process of its own, PostgreSQL with the settings of the embedded one, fills it by
`manage.py seed` and throws it away. Everything is read through the selectors of production, as the administrator of the
seeded tenant, by the application role. `--database` measures the lists of the tenant in the database that KAREZ_DATABASE_URL
names instead; `--explain` prints the plans of what is slow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from page_measure import measure_pages, web_process

from deploy.embedded.testing import Servers, choose_servers, start_postgres, start_valkey, throw_away

if TYPE_CHECKING:
    from console_measure import Measured

    from controlplane.metering.seeding.run import Done

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results/console.json"
TENANT = "load-test"
LIMIT_MS = 50.0
PAGE_LIMIT_MS = 200.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--audit-events", type=int, default=1_000_000)
    parser.add_argument("--tenant", default=TENANT)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--database", action="store_true")
    options = parser.parse_args()
    if options.database:
        print(json.dumps(_measure(options, {})))
        return
    servers = choose_servers(directory=Path(tempfile.mkdtemp(prefix="karez-bench-")))
    # Not the settings of a test run: the ones that people run.
    servers = replace(servers, cluster=replace(servers.cluster, throwaway=False))
    running = []
    try:
        running = [start_postgres(servers), start_valkey(servers)]
        seeded = _seed(servers, options)
        report = _measure(options, seeded.seconds | {"whole": seeded.whole}) | _measure_pages(servers, seeded)
    finally:
        for one in running:
            one.stop()
        throw_away(servers)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


def _seed(servers: Servers, options: argparse.Namespace) -> "Done":
    os.environ.update(servers.environment())
    owner = {"KAREZ_DATABASE_URL": servers.urls.owner}
    _manage("migrate", "--noinput", "-v0", **owner)
    _set_up()
    from django.utils import timezone

    from controlplane.metering.seeding.run import Amounts, seed_tenant

    done = seed_tenant(
        slug=options.tenant,
        amounts=Amounts(options.documents, options.messages, options.audit_events, passages=2),
        seed="1",
        until=timezone.now(),
        append=False,
        report=lambda step, rows, seconds: None,
    )
    print(f"seeded in {done.whole:.0f} s: { ({step: round(s, 1) for step, s in done.seconds.items()}) }")
    return done


def _manage(*arguments: str, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        timeout=600,
    )


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    sys.path.insert(0, str(ROOT / "platform"))
    import django

    django.setup()


def _measure(options: argparse.Namespace, seeded: dict[str, float]) -> dict[str, Any]:
    _set_up()
    from console_measure import measure  # Django is set up by now

    print(f"{'':46} {'queries':>7} {'rows':>5} {'database ms: least':>18} {'p50':>6} {'max':>6}")
    results: list[Measured] = []
    for one in measure(tenant=options.tenant, explain_from=LIMIT_MS if options.explain else None):
        results.append(one)
        print(
            f"{one.name:46} {one.queries:7} {one.rows:5} {one.least:18.1f} {one.p50:6.1f} {one.most:6.1f}",
            flush=True,
        )
    return {
        "bench": "console",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "documents": options.documents,
        "messages": options.messages,
        "audit_events": options.audit_events,
        "seed_seconds": {step: round(seconds, 1) for step, seconds in seeded.items()},
        "database_ms": {one.name: round(one.p50, 1) for one in results},
        "database_ms_least": {one.name: round(one.least, 1) for one in results},
        "queries": {one.name: one.queries for one in results},
        "slowest_ms": round(max(one.p50 for one in results), 1),
    }


def _measure_pages(servers: Servers, seeded: "Done") -> dict[str, Any]:
    print(f"{'page':46} {'kB':>7} {'ms: least':>18} {'p50':>6} {'max':>6}")
    pages = []
    with web_process(servers.state.directory / "web.log") as address:
        for one in measure_pages(address=address, email=seeded.email, password=seeded.password):
            pages.append(one)
            print(
                f"{one.name:46} {one.size / 1000:7.0f} {one.least:18.0f} {one.p50:6.0f} {one.most:6.0f}",
                flush=True,
            )
    return {
        "pages_load_average": os.getloadavg()[0],
        "pages_ms": {one.name: round(one.p50, 1) for one in pages},
        "pages_ms_least": {one.name: round(one.least, 1) for one in pages},
        "pages_over_limit": [one.name for one in pages if one.p50 > PAGE_LIMIT_MS],
    }


if __name__ == "__main__":
    main()
