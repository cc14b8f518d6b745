"""``python -m inference.bundled list | path NAME | fetch NAME [--cache-dir DIR]``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from inference.bundled.catalogue import bundled_models, find_model
from inference.bundled.errors import ModelError, NoModelSource
from inference.bundled.fetch import default_cache_dir, ensure_model, find_local_model
from inference.bundled.progress import FetchProgress, ProgressCallback

EXIT_NO_SOURCE = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed, 2 wrong usage, 3 no source has the model."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    try:
        return _run(options, console)
    except NoModelSource as error:
        console.print(f"No source has {error.model}:", style="bold red")
        for reason in error.reasons:
            console.print(f"  - {reason}", markup=False)
        return EXIT_NO_SOURCE
    except ModelError as error:
        console.print(str(error), style="bold red", markup=False)
        return 1
    except KeyError as error:
        console.print(str(error.args[0]), style="bold red", markup=False)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.bundled", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the models of the catalogue")
    for name, text in (("fetch", "fetch a model and print its path"), ("path", "print its path if present")):
        command = commands.add_parser(name, help=text)
        command.add_argument("model")
        command.add_argument("--cache-dir", type=Path, default=None)
    return parser


def _run(options: argparse.Namespace, console: Console) -> int:
    if options.command == "list":
        for model in bundled_models():
            sys.stdout.write(f"{model.alias}\t{model.name}\t{model.size / 1e6:.0f} MB\t{model.licence}\n")
        return 0
    cache_dir = options.cache_dir or default_cache_dir()
    if options.command == "path":
        found = find_local_model(name=options.model, cache_dir=cache_dir)
    else:
        label = find_model(name=options.model).name
        with _shown_progress(console, label) as progress:
            found = ensure_model(name=options.model, cache_dir=cache_dir, progress=progress)
    if found:
        sys.stdout.write(f"{found}\n")
    return 0 if found else 1


@contextmanager
def _shown_progress(console: Console, label: str) -> Iterator[ProgressCallback]:
    """A moving bar on a terminal; elsewhere a line for each tenth, fit for a log."""
    if not console.is_terminal:
        yield _TenthPrinter(console, label)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(label, total=None)

        def show(progress: FetchProgress) -> None:
            text = f"{label} · {progress.stage} ({progress.source})"
            bar.update(task, description=text, completed=progress.done, total=progress.total)

        yield show


class _TenthPrinter:
    def __init__(self, console: Console, label: str) -> None:
        self._console, self._label = console, label
        self._last: tuple[str, int] = ("", -1)

    def __call__(self, progress: FetchProgress) -> None:
        now = (progress.stage, 10 * progress.done // max(1, progress.total))
        if now != self._last:
            self._last = now
            self._console.print(
                f"{self._label}: {progress.stage} ({progress.source}) {10 * now[1]} %", highlight=False
            )


if __name__ == "__main__":
    sys.exit(main())
