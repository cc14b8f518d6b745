"""`python -m tests`: the whole suite, as several runs of pytest side by side; with arguments, one run with these.

Each run has servers and a database of its own. One more than there are cores: a browser, a model or a program that starts is
waited for every now and then. What a run prints is shown when it is over, in one piece.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
# The long ones come first; what stands nowhere here belongs to `rest`.
PARTS: dict[str, tuple[str, ...]] = {
    "rest": (),
    "end to end": ("tests/e2e", "tests/inference"),
    "browser": ("tests/browser",),
    "chat": ("tests/frontend",),
    "vLLM": ("tests/vllm",),
    "start and faults": (
        "tests/deploy",
        "tests/controlplane/documents/crash",
        "tests/controlplane/api/openai/faults",
    ),
    "API": ("tests/controlplane/api",),
}
# Dozens of programs are started: each would compile the whole platform anew.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
# Real vLLM is part of the whole suite; where it is not there yet, it is installed first.
WHOLE = {"KAREZ_TEST_VLLM": "1"}
# What pytest says when it has found no test: nothing was asked of that run.
NO_TESTS = 5


@dataclass
class Run:
    """One run of pytest, its words kept in a file."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: IO[bytes]
    began: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        code, seconds = self.process.returncode, time.monotonic() - self.began
        print(
            f"\n===== {self.name}: {'passed' if code in (0, NO_TESTS) else 'FAILED'} in {seconds:.0f} s",
            flush=True,
        )
        self.log.seek(0)
        print(self.log.read().decode("utf-8", "replace"), flush=True)


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call([*PYTEST, *arguments], env=ENVIRONMENT)
    waiting, running, codes = list(PARTS), [], []
    most = (os.cpu_count() or 1) + 1
    try:
        while waiting or running:
            while waiting and len(running) < most:
                running.append(_begin(waiting.pop(0)))
            time.sleep(0.2)
            for run in [run for run in running if run.process.poll() is not None]:
                running.remove(run)
                codes.append(run.process.returncode)
                run.tell()
    finally:
        for run in running:
            run.process.terminate()
            run.process.wait()
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


def _begin(name: str) -> Run:
    print(f"===== {name}: begins", flush=True)
    log = tempfile.TemporaryFile(prefix="karez-tests-")  # noqa: SIM115 - closed with the run
    command = [*PYTEST, *PARTS[name], *_without_the_others(name)]
    return Run(
        name, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=WHOLE | ENVIRONMENT), log
    )


def _without_the_others(name: str) -> list[str]:
    others = [path for part, paths in PARTS.items() if part != name for path in paths]
    assert all(Path(path).is_dir() for path in others), others
    mine = tuple(PARTS[name])
    return [f"--ignore={path}" for path in others if not mine or path.startswith(mine)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
