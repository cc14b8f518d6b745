"""``python -m inference.llamacpp.server --model PATH --alias NAME --port N``.

Serves ``/v1/chat/completions``, ``/v1/completions``, ``/v1/models``, ``/health`` (503 while loading) and
``/metrics``, behind the key in ``KAREZ_ENGINE_API_KEY``. One JSON line on standard output says it is ready.
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
from pathlib import Path
from typing import Any

from inference.process import die_with_parent, ensure_environment
from inference.secret_files import SecretFileError, read_secret

API_KEY_VARIABLE = "KAREZ_ENGINE_API_KEY"
# The wheel's OpenMP spins while it waits: beside other processes that costs three quarters of the speed.
REQUIRED_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
EXIT_USAGE, EXIT_MODEL, EXIT_PORT = 2, 3, 4

_SIGNAL_POLL_SECONDS = 0.2
_PROMPT_CACHE_MIB = 64
_BATCH_TOKENS, _MICRO_BATCH_TOKENS = 512, 128


@dataclass(frozen=True, slots=True)
class LlamaSettings:
    """``context`` is in tokens for each of the ``slots`` (requests served at once).

    ``repack`` copies the weights into a layout of their own: a little faster with several requests at once,
    slower to start, and private memory instead of reclaimable file pages.
    """

    model: Path
    alias: str
    port: int
    host: str = "127.0.0.1"
    slots: int = 2
    context: int = 4096
    threads: int = 2
    repack: bool = False
    api_key: str = field(default="", repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit status: 0 stopped, 2 usage, 3 the model, 4 the port."""
    settings = parse_settings(arguments=arguments, environment=os.environ)
    ensure_environment(required=REQUIRED_ENVIRONMENT)
    die_with_parent()
    if not settings.model.is_file():
        sys.stderr.write(f"there is no model file {settings.model}\n")
        return EXIT_MODEL
    if refusal := _port_refusal(settings):
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {refusal}\n")
        return EXIT_PORT
    started = time.monotonic()
    try:
        server = _load(settings)
    except RuntimeError as error:
        sys.stderr.write(f"llama.cpp does not serve {settings.model}: {error}\n")
        return EXIT_MODEL
    _announce(settings, server.listening_address, time.monotonic() - started)
    _wait_for_signal()
    # The C++ threads have no stop that does not wait for running answers; they hold nothing worth keeping.
    os._exit(0)


def parse_settings(*, arguments: Sequence[str] | None, environment: Mapping[str, str]) -> LlamaSettings:
    """Command line and key. Ends the process with status 2 on wrong usage, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m inference.llamacpp.server")
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--alias", required=True, help="model name in the API")
    parser.add_argument("--port", type=_positive, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--slots", type=_positive, default=2, help="requests served at once")
    parser.add_argument("--context", type=_positive, default=4096, help="tokens for each slot")
    parser.add_argument("--threads", type=_positive, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repack", action="store_true", help="faster for several requests, more memory")
    given = parser.parse_args(arguments)
    try:
        key = read_secret(name=API_KEY_VARIABLE, environment=environment)
    except SecretFileError as error:
        parser.error(str(error))
    if not key:
        parser.error(f"{API_KEY_VARIABLE} is not set: the engine is never served without a key")
    return LlamaSettings(**vars(given), api_key=key)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _port_refusal(settings: LlamaSettings) -> str:
    """Asked before the model is loaded: llama.cpp says after seconds, and only that something failed."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            probe.listen(1)
        except OSError as error:
            return str(error)
    return ""


def _load(settings: LlamaSettings) -> Any:
    """Block until the model is loaded; raises ``RuntimeError`` when llama.cpp refuses it or the port."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(settings.model)
    params.model_alias = {settings.alias}
    params.hostnames, params.port = [settings.host], settings.port
    params.api_keys = [settings.api_key]
    params.n_parallel = settings.slots
    params.n_ctx = settings.context * settings.slots
    params.n_batch, params.n_ubatch = _BATCH_TOKENS, _MICRO_BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = _PROMPT_CACHE_MIB  # the default keeps up to 8 GiB of old prompts
    params.no_extra_bufts = not settings.repack
    if settings.repack:  # a mapped file and its repacked copy would both stay resident
        params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.use_jinja = params.warmup = params.endpoint_metrics = True
    params.ui = False
    return xllamacpp.Server(params)


def _announce(settings: LlamaSettings, address: str, seconds: float) -> None:
    line = {"event": "ready", "model": settings.alias, "address": address, "load_seconds": round(seconds, 2)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _wait_for_signal() -> None:
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: received.append(caught))
    while not received:
        # The kernel may hand the signal to a C++ thread, which does not interrupt a blocking wait here.
        time.sleep(_SIGNAL_POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
