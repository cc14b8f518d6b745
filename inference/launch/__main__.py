"""``python -m inference.launch FORM FILE``: write what starts the engine that the file describes; FORM is one of ``FORMS``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.launch import FORMS, read_deployment
from inference.vllm import LaunchError


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 written, 1 the description cannot be launched so, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m inference.launch")
    parser.add_argument("form", choices=sorted(FORMS))
    parser.add_argument("file", type=Path, help="a JSON object: docs/engines.md names its fields")
    given = parser.parse_args(words)
    try:
        text = given.file.read_text(encoding="utf-8")
        written = FORMS[given.form].write(deployment=read_deployment(text=text))
    except (LaunchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
