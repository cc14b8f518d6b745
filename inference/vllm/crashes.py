"""Why a vLLM server ended, from its last lines."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

DETAIL_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Crash:
    """``detail`` is the line of the log that says it; ``lasting``: another attempt with the same flags fails as well."""

    code: str
    detail: str
    remedy: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    code: str
    pattern: re.Pattern[str]
    remedy: str
    lasting: bool = True


def _sign(code: str, pattern: str, remedy: str, *, lasting: bool = True) -> _Sign:
    return _Sign(code, re.compile(pattern), remedy, lasting)


# The first that is found counts: what an engine says last is often only that its worker is gone.
_SIGNS = (
    _sign("not_startable", r"^cannot run ", "Install vLLM, or name its command."),
    _sign(
        "unsupported_flag",
        r"error: (unrecognized arguments|ambiguous option):",
        "Remove the flag, or use another vLLM.",
    ),
    _sign("flag_value", r"error: argument .+: ", "Correct the flag's value."),
    _sign(
        "port_in_use",
        r"Address already in use|EADDRINUSE",
        "Choose another port, or end what holds it.",
        lasting=False,
    ),
    _sign(
        "context_too_long",
        r"KV cache is needed, which is larger than the available KV cache memory|is larger than the maximum number of"
        r" tokens that can be stored in KV cache|greater than the derived max_model_len",
        "Lower max-model-len, or give the KV cache more memory.",
    ),
    _sign(
        "out_of_memory",
        r"OutOfMemoryError|out of memory|[Nn]ot enough memory|can't allocate memory|No available memory for the cache blocks"
        r"|less than desired (GPU|CPU) memory utilization|NPU out of memory|Cannot allocate memory",
        "Use more devices, a smaller form of the model, or a smaller context.",
        lasting=False,
    ),
    _sign(
        "model_not_found",
        r"is not a local folder and is not a valid model identifier|Invalid repository ID or local directory"
        r"|Repo id must|LocalEntryNotFoundError|Cannot find any model weights|No such file or directory: .+config\.json",
        "Put the model's folder where the launch says it is.",
    ),
    _sign(
        "model_unsupported",
        r"Model architectures? .+ (is|are) not supported",
        "Use a vLLM that knows this architecture.",
    ),
    _sign(
        "no_device",
        r"Failed to infer device type|No CUDA GPUs are available|no NVIDIA driver",
        "Check the driver.",
    ),
    _sign(
        "peer_lost",
        r"DistNetworkError|DistStoreError|NCCL error|ncclRemoteError|HCCL.+(error|failed)|ncclSystemError",
        "Check the network between the engine's devices and machines.",
        lasting=False,
    ),
)
_KILLED = "It was killed from outside; where nobody did, the system was out of memory: see its log."


def crash_of(*, lines: Sequence[str], exit_code: int | None) -> Crash:
    """``lines``: the end of the log; ``exit_code`` negative for a signal, None for a server that had to be stopped."""
    for sign in _SIGNS:
        for line in lines:
            if sign.pattern.search(line):
                return Crash(sign.code, _told(line), sign.remedy, sign.lasting)
    if exit_code == -signal.SIGKILL:
        return Crash("killed", "killed by SIGKILL.", _KILLED)
    if exit_code is None:
        return Crash("not_ready", "it did not answer in time.", "Give it more time, or read its log.")
    how = f"killed by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return Crash("ended", f"{how}: {_last_error(lines)}".rstrip(": ") + ".", "Read its log.")


def _last_error(lines: Sequence[str]) -> str:
    for line in reversed(lines):
        if re.search(r"\b\w*(Error|Exception)\b: ", line):
            return _told(line)
    return ""


def _told(line: str) -> str:
    """Without the prefix that tells process, level and time."""
    bare = re.sub(
        r"^\s*(\(\w[^)]* pid=\d+\)\s*)?((ERROR|WARNING|INFO|CRITICAL) [\d-]+ [\d:]+ \[[^\]]*\]\s*)?", "", line
    )
    return bare.strip()[:DETAIL_CHARACTERS]
