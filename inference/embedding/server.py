"""``python -m inference.embedding.server --model use|e5 --port N``.

An OpenAI-compatible embedding server on one of the two packaged models, behind the key in
``KAREZ_EMBEDDING_API_KEY``. One JSON line on standard output says when it is ready.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import uvicorn

from inference.process import die_with_parent, ensure_environment
from inference.secret_files import SecretFileError, read_secret

API_KEY_VARIABLE = "KAREZ_EMBEDDING_API_KEY"
EXIT_MODEL, EXIT_PORT = 3, 4


@dataclass(frozen=True, slots=True)
class EmbeddingServerSettings:
    """``model`` is a key of ``ENCODERS``; ``port`` 0 lets the kernel choose, the ready line tells."""

    model: str
    port: int
    host: str = "127.0.0.1"
    threads: int = 1
    api_key: str = field(default="", repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit status: 0 stopped, 2 usage, 3 the model, 4 the port."""
    settings = parse_settings(arguments=arguments, environment=os.environ)
    ensure_environment(required=_thread_environment(settings.threads))
    die_with_parent()
    try:
        listener = _listen(settings)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {error}\n")
        return EXIT_PORT
    # Imported late: numpy's BLAS reads its thread count when it is loaded.
    from inference.embedding.application import build_application
    from inference.embedding.encoders import load_encoder

    started = time.monotonic()
    try:
        encoder = load_encoder(key=settings.model, threads=settings.threads)
    except (ImportError, OSError, RuntimeError) as error:
        sys.stderr.write(f"the embedding model {settings.model} cannot be loaded: {error}\n")
        return EXIT_MODEL
    ready = {
        "event": "ready",
        "model": encoder.model.name,
        "version": encoder.model.version,
        "dimension": encoder.model.dimension,
        "address": f"http://{settings.host}:{listener.getsockname()[1]}",
        "load_seconds": round(time.monotonic() - started, 2),
    }
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again once it has shut down
    application = build_application(encoder=encoder, api_key=settings.api_key)
    config = uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    _AnnouncingServer(config, ready=ready).run(sockets=[listener])
    return 0


def parse_settings(
    *, arguments: Sequence[str] | None, environment: Mapping[str, str]
) -> EmbeddingServerSettings:
    """Command line and key. Ends the process with status 2 on wrong usage, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m inference.embedding.server")
    parser.add_argument("--model", choices=("use", "e5"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        key = read_secret(name=API_KEY_VARIABLE, environment=environment)
    except SecretFileError as error:
        parser.error(str(error))
    if not key:
        parser.error(f"{API_KEY_VARIABLE} is not set: the server never runs without a key")
    if given.threads < 1:
        parser.error("--threads must be at least 1")
    return EmbeddingServerSettings(**vars(given), api_key=key)


def _thread_environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {"OMP_WAIT_POLICY": "passive", **dict.fromkeys(names, str(threads))}


def _listen(settings: EmbeddingServerSettings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    return listener


class _AnnouncingServer(uvicorn.Server):
    """Says that it is ready once it answers, and not before."""

    def __init__(self, config: uvicorn.Config, *, ready: Mapping[str, object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(json.dumps(self._ready) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
