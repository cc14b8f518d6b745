"""`make bench-start`: how long a newcomer waits for the first cited answer, and what the idle stack holds in memory.

cold   a fresh clone in a temporary directory, `make up` with everything it installs and creates. The package cache
       and the model cache of this account are used as they are; the result says whether the model was in its cache.
warm   `make up` again on the same clone and state, until the readiness line.
idle   memory of every process with its children, IDLE_SECONDS after readiness without a request.
"""

import argparse
import datetime as dt
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.embedded.memory import measure_stack  # noqa: E402
from deploy.embedded.ports import find_free  # noqa: E402

RESULT = ROOT / "bench/results/start.json"
MIB = 1024 * 1024
START_SECONDS = 1800
STOP_SECONDS = 30
IDLE_SECONDS = 20
INSTALLED, ANSWERED, READY = "[install] done", "first question answered", "Karez is ready"


class BenchError(Exception):
    pass


@dataclass(frozen=True)
class Resident:
    """MiB, a process together with everything below it."""

    pss: float
    rss: float


@dataclass
class Run:
    """One `make up`; `seen` holds the second at which each awaited text appeared."""

    program: subprocess.Popen[str]
    seen: dict[str, float]

    def stop(self) -> float:
        """Ctrl-C; seconds until everything has ended."""
        began = time.monotonic()
        os.killpg(self.program.pid, signal.SIGINT)
        self.program.wait(timeout=STOP_SECONDS)
        return time.monotonic() - began


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", default=os.environ.get("KAREZ_MODEL", "1.5b"), help="1.5b, 0.5b or none")
    model = options.parse_args().model
    with tempfile.TemporaryDirectory(prefix="karez-bench-") as temporary:
        clone = Path(temporary, "karez")
        copy_sources(clone)
        environment = clean_environment(model=model)
        cached = model_is_cached(model=model)
        with started(clone=clone, environment=environment) as cold:
            memory = idle_memory(clone)
            stop_seconds = cold.stop()
        with started(clone=clone, environment=environment) as warm:
            warm.stop()
    result = {
        "bench": "start",
        "cold_first_answer_seconds": rounded(cold.seen.get(ANSWERED)),
        "cold_ready_seconds": rounded(cold.seen[READY]),
        "install_seconds": rounded(cold.seen.get(INSTALLED)),
        "warm_ready_seconds": rounded(warm.seen[READY]),
        "stop_seconds": rounded(stop_seconds),
        "idle_pss_mib": round(sum(one.pss for one in memory.values())),
        "idle_rss_mib": round(sum(one.rss for one in memory.values())),
        "model": model,
        "model_cached": cached,
        "processes": {name: asdict(one) for name, one in memory.items()},
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    print_table(result, memory)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, ensure_ascii=False))
    return 0


def copy_sources(clone: Path) -> None:
    """What a clone of the present working tree would hold: tracked files and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, clone / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def clean_environment(*, model: str) -> dict[str, str]:
    kept = ("KAREZ_CACHE_DIR", "KAREZ_PYTHON")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("KAREZ_") or k in kept}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV"):
        inherited.pop(name, None)
    return {**inherited, "KAREZ_PORT": str(find_free()), "KAREZ_MODEL": model, "PYTHONUNBUFFERED": "1"}


def model_is_cached(*, model: str) -> bool | None:
    if model == "none":
        return None
    cache = ["--cache-dir", os.environ["KAREZ_CACHE_DIR"]] if "KAREZ_CACHE_DIR" in os.environ else []
    command = [sys.executable, "-m", "inference.bundled", "path", model, *cache]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


@contextmanager
def started(*, clone: Path, environment: dict[str, str]) -> Iterator[Run]:
    """`make up` until its readiness line; whatever happens then, nothing of it is left."""
    began = time.monotonic()
    program = subprocess.Popen(
        ["make", "up"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    run = Run(program=program, seen={})
    ready = threading.Event()

    def read() -> None:
        for line in program.stdout or ():
            print(f"  | {line.rstrip()}", flush=True)
            plain = re.sub(r"\s+", " ", line)
            for text in (INSTALLED, ANSWERED, READY):
                if text in plain:
                    run.seen.setdefault(text, time.monotonic() - began)
            if READY in plain:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        if not ready.wait(START_SECONDS) or READY not in run.seen:
            raise BenchError("`make up` did not become ready; its output is above")
        yield run
    finally:
        if program.poll() is None:
            run.stop()


def idle_memory(clone: Path) -> dict[str, Resident]:
    time.sleep(IDLE_SECONDS)
    status = json.loads((clone / "var/run/status.json").read_text())
    measured = measure_stack(leashes=status["leashes"], supervisor=status["pid"])
    return {
        name: Resident(pss=round(one.pss / MIB, 1), rss=round(one.rss / MIB, 1))
        for name, one in measured.items()
    }


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def print_table(result: dict[str, object], memory: dict[str, Resident]) -> None:
    cached = {True: "in its cache", False: "fetched", None: "not used"}[result["model_cached"]]  # type: ignore[index]
    print(f"\n{'start':<40}{'seconds':>9}")
    for label, name in (
        ("installed", "install_seconds"),
        (f"cold: first cited answer (model {cached})", "cold_first_answer_seconds"),
        ("cold: ready", "cold_ready_seconds"),
        ("warm: ready", "warm_ready_seconds"),
        ("Ctrl-C to the end", "stop_seconds"),
    ):
        print(f"{label:<40}{result[name] if result[name] is not None else '-':>9}")
    print(f"\n{'idle':<20}{'PSS MiB':>10}{'RSS MiB':>10}")
    for name, one in memory.items():
        print(f"{name:<20}{one.pss:>10}{one.rss:>10}")
    print(f"{'together':<20}{result['idle_pss_mib']:>10}{result['idle_rss_mib']:>10}\n")


if __name__ == "__main__":
    sys.exit(main())
