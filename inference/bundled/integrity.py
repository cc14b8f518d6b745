"""Is this file the published one? Hashing a gigabyte takes seconds, so a verdict is remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from inference.bundled.catalogue import BundledModel
from inference.bundled.errors import ModelCorrupt

_BLOCK = 1 << 22


def sha256_of(*, path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hex digest of a file; ``on_bytes`` receives the running count."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if on_bytes:
                on_bytes(done)
    return digest.hexdigest()


def _stamp_of(path: Path, sha256: str) -> dict[str, object]:
    status = path.stat()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino,
        "sha256": sha256,
    }


def verify(
    *, model: BundledModel, path: Path, stamp_dir: Path, on_bytes: Callable[[int], None] | None = None
) -> None:
    """Raise ``ModelCorrupt`` unless ``path`` is byte for byte the official file.

    The digest is computed once for a given path, inode, size and modification time; the verdict lies in
    ``stamp_dir``, apart from the file, which may be on read-only media.
    """
    if path.stat().st_size != model.size:
        raise ModelCorrupt(f"{path} has {path.stat().st_size} bytes, the published file {model.size}")
    stamp_file = stamp_dir / f"{model.file}.verified.json"
    if _read_stamp(stamp_file) == _stamp_of(path, model.sha256):
        return
    if sha256_of(path=path, on_bytes=on_bytes) != model.sha256:
        raise ModelCorrupt(f"{path}: the SHA-256 differs from the published {model.sha256}")
    stamp_dir.mkdir(parents=True, exist_ok=True)
    temporary = stamp_file.with_suffix(".tmp")
    temporary.write_text(json.dumps(_stamp_of(path, model.sha256)), "utf-8")
    temporary.replace(stamp_file)


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
