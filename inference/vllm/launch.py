"""One vLLM server on this machine: what it serves, and the command and environment that start it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inference.endpoints import EngineEndpoint, EngineKind
from inference.vllm.errors import LaunchError
from inference.vllm.flags import FlagValue, arguments, normalised

LOOPBACK = "127.0.0.1"
KEY_VARIABLE = "VLLM_API_KEY"

# Of the caller's environment: whatever else is in it may be a secret of the platform.
_KEPT = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "HF_HOME", "XDG_CACHE_HOME"}
)
_KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "HIP_", "ROCR_", "ASCEND_", "HCCL_", "NPU_", "VLLM_CACHE_")
_ALWAYS = {
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "PYTHONUNBUFFERED": "1",
    # The processes of one server find each other by this address; without it they ask for one that others reach.
    "VLLM_HOST_IP": LOOPBACK,
    "VLLM_LOOPBACK_IP": LOOPBACK,
}
# Nothing is fetched unless the launch says so: the model is a folder, or in the hub's cache already.
_UNLESS_GIVEN = {"HF_HUB_OFFLINE": "1"}
_REFUSED = {
    KEY_VARIABLE: "Give the key of the launch.",
    "VLLM_SERVER_DEV_MODE": "It opens calls that run code inside the engine.",
    **dict.fromkeys(("VLLM_HOST_IP", "VLLM_LOOPBACK_IP"), "A local server is reached on 127.0.0.1 alone."),
}
# With them the server listens for other machines: such an engine is a deployment of its own.
_MANY_MACHINES = (
    "nnodes",
    "node-rank",
    "master-addr",
    "headless",
    "data-parallel-address",
    "data-parallel-hybrid-lb",
)


@dataclass(frozen=True, slots=True)
class VllmLaunch:
    """``model``: a folder with an absolute path, or a name in the hub's cache. ``flags``: as vLLM names them, without
    dashes before. ``program``: vLLM's command. Raises LaunchError when made from what cannot be started."""

    model: str
    served_name: str
    port: int
    log: Path
    api_key: str = field(repr=False)
    flags: Mapping[str, FlagValue] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    program: tuple[str, ...] = ("vllm",)
    kind: EngineKind = "chat"

    def __post_init__(self) -> None:
        for name in ("model", "served_name"):
            value = getattr(self, name)
            if not value or value.startswith("-"):
                raise _wrong(name, f"{value!r} is no name.", "Name the model, or its absolute folder.")
        if not 0 < self.port < 65536:
            raise _wrong("port", f"{self.port} is no port.", "Choose one between 1 and 65535.")
        if not self.api_key:
            raise _wrong(
                "api_key", "a server without a key answers everybody on the machine.", "Give it one."
            )
        for name, remedy in _REFUSED.items():
            if name in self.environment:
                raise LaunchError(
                    code="environment_reserved",
                    field=f"environment.{name}",
                    detail="this variable is not yours to set.",
                    remedy=remedy,
                )
        flags = normalised(self.flags)
        for name in _MANY_MACHINES:
            if flags.get(name):
                raise LaunchError(
                    code="flag_needs_machines",
                    field=f"flags.{name}",
                    detail="a local server is one machine.",
                    remedy="Deploy an engine of several machines with Helm or a LeaderWorkerSet.",
                )

    def endpoint(self) -> EngineEndpoint:
        """Where Karez reaches it."""
        return EngineEndpoint(
            name=self.served_name,
            base_url=f"http://{LOOPBACK}:{self.port}/v1",
            model=self.served_name,
            api_key=self.api_key,
            kind=self.kind,
        )


def command(*, launch: VllmLaunch) -> tuple[str, ...]:
    """Holds no secret. Raises LaunchError."""
    head = (*launch.program, "serve", launch.model, "--served-model-name", launch.served_name)
    return (*head, "--host", LOOPBACK, "--port", str(launch.port), *arguments(flags=launch.flags))


def process_environment(*, launch: VllmLaunch, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the server sees: the little of ``inherited`` that it needs, the launch's own, and its key."""
    kept = {
        name: value for name, value in inherited.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {**kept, **_UNLESS_GIVEN, **launch.environment, **_ALWAYS, KEY_VARIABLE: launch.api_key}


def _wrong(name: str, detail: str, remedy: str) -> LaunchError:
    return LaunchError(code="launch_invalid", field=name, detail=detail, remedy=remedy)
