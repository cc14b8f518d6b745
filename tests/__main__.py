"""`python -m tests`: the whole suite, as several runs of pytest side by side; with arguments, one run with these.

Each run has servers and a database of its own. One more than there are cores: a browser, a model or a program that starts is
waited for every now and then. What a run prints is shown when it is over, in one piece.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest that is over."""

    name: str
    code: int
    seconds: float
    words: bytes

    @property
    def passed(self) -> bool:
        return self.code in (0, NO_TESTS)


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call([*PYTEST, *arguments], env=ENVIRONMENT)
    code = 0
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as side_by_side:
        for future in as_completed([side_by_side.submit(_run, name) for name in PARTS]):
            run = future.result()
            print(run.words.decode("utf-8", "replace"))
            outcome = "passed" if run.passed else "FAILED"
            print(f"===== {run.name}: {outcome} in {run.seconds:.0f} s\n", flush=True)
            code = code or (0 if run.passed else run.code)
    return code


def _run(name: str) -> Run:
    print(f"===== {name}: begins", flush=True)
    began = time.monotonic()
    command = [*PYTEST, *PARTS[name], *_without_the_others(name)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=WHOLE | ENVIRONMENT, check=False
    )
    return Run(name, done.returncode, time.monotonic() - began, done.stdout)


def _without_the_others(name: str) -> list[str]:
    others = [path for part, paths in PARTS.items() if part != name for path in paths]
    assert all(Path(path).is_dir() for path in others), others
    mine = PARTS[name]
    return [f"--ignore={path}" for path in others if not mine or path.startswith(mine)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
