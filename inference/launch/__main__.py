"""``python -m inference.launch compose|helm|leader-worker-set FILE``: write what starts the engine that the file describes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.launch import compose_overlay, helm_values, leader_worker_set, read_deployment
from inference.vllm import LaunchError

FORMS: dict[str, Callable[..., str]] = {
    "compose": compose_overlay,
    "helm": helm_values,
    "leader-worker-set": leader_worker_set,
}


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 written, 1 the description cannot be launched so, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m inference.launch")
    parser.add_argument("form", choices=sorted(FORMS))
    parser.add_argument("file", type=Path, help="a JSON object: docs/engines.md names its fields")
    given = parser.parse_args(words)
    try:
        text = given.file.read_text(encoding="utf-8")
        written = FORMS[given.form](deployment=read_deployment(text=text))
    except (LaunchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
