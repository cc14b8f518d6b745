"""`python -m tests`: the whole suite as two runs of pytest side by side, what has a browser or starts programs beside the rest.

Most of the rest keeps one core busy and the others another; one after the other they take half as long again. Keep the
two about as long as each other: the longer one is how long everybody waits. With arguments: one run of pytest with these.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest")
BESIDE = (
    "tests/deploy",
    "tests/controlplane/documents/crash",
    "tests/frontend",
    "tests/browser",
    "tests/vllm",
)
# Dozens of programs are started: each would compile the whole platform anew.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
# What pytest says when it has found no test: nothing was asked of that run.
NO_TESTS = 5


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call([*PYTEST, *arguments], env=ENVIRONMENT)
    with tempfile.TemporaryDirectory(prefix="karez-tests-") as folder:
        log = Path(folder, "beside.log")
        with log.open("wb") as file:
            beside = subprocess.Popen(
                [*PYTEST, "-p", "no:cacheprovider", *BESIDE],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
            )
            try:
                codes = [
                    subprocess.call([*PYTEST, *(f"--ignore={path}" for path in BESIDE)], env=ENVIRONMENT),
                    beside.wait(),
                ]
            finally:
                beside.terminate()
                beside.wait()
        print(log.read_text(encoding="utf-8", errors="replace"), flush=True)
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
