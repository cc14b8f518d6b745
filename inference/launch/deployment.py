"""One engine in containers, typed and checked before anything is written from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from inference.endpoints import EngineKind, guess_routes
from inference.vllm.errors import LaunchError
from inference.vllm.flags import FlagValue, arguments, normalised

Accelerator = Literal["nvidia", "ascend"]

PORT = 8000
MODELS = "/models"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_IMAGE = re.compile(r"[\w.\-/:]+:[\w.\-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Where it stands in a group of machines is told by the form, which knows; the rest would open the engine.
_OF_THE_FORM = (
    *("nnodes", "node-rank", "master-addr", "master-port", "headless", "distributed-executor-backend"),
    *(
        "data-parallel-address",
        "data-parallel-rpc-port",
        "data-parallel-size-local",
        "data-parallel-start-rank",
    ),
)
_REFUSED_VARIABLES = {"VLLM_API_KEY", "VLLM_SERVER_DEV_MODE", "VLLM_HOST_IP"}


@dataclass(frozen=True, slots=True)
class EngineDeployment:
    """``model``: its path below ``/models``, where the containers find ``models``: a directory of the host (compose), or a
    PersistentVolumeClaim that every node reads (Kubernetes). ``devices``, ``cpus`` and the memories, in GiB, are each
    node's. ``interface``: the network card between the nodes. Raises LaunchError."""

    name: str
    model: str
    served_name: str
    image: str
    models: str
    devices: int
    cpus: int
    memory_gib: int
    shm_gib: int = 16
    nodes: int = 1
    replicas: int = 1
    accelerator: Accelerator = "nvidia"
    interface: str = "eth0"
    kind: EngineKind = "chat"
    flags: Mapping[str, FlagValue] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_names()
        self._check_choices()
        self._check_flags()
        for name in self.environment:
            if name in _REFUSED_VARIABLES or not _VARIABLE.fullmatch(name):
                raise _wrong(f"environment.{name}", "this variable is not yours to set.", "Leave it out.")
            if not isinstance(self.environment[name], str):
                raise _wrong(f"environment.{name}", "it is no text.", "Put quotes around it.")

    def _check_names(self) -> None:
        if not _LABEL.fullmatch(self.name):
            detail = f"{self.name!r} names no service."
            raise _wrong("name", detail, "Use small letters, digits and hyphens, 40 at most.")
        for name in ("served_name", "models", "interface"):
            value = getattr(self, name)
            if not value or value.startswith("-"):
                raise _wrong(name, f"{value!r} is no name.", "Name it.")
        if not self.model or self.model.startswith(("-", "/")) or ".." in self.model.split("/"):
            detail = f"{self.model!r} is not below {MODELS}."
            raise _wrong("model", detail, "Give its path in the directory of models.")
        if not _IMAGE.fullmatch(self.image):
            remedy = "Name one version: what runs must not change by itself."
            raise _wrong("image", f"{self.image!r} has no tag.", remedy)

    def _check_choices(self) -> None:
        for name in ("devices", "cpus", "memory_gib", "shm_gib", "nodes", "replicas"):
            if getattr(self, name) < 1:
                raise _wrong(name, f"{getattr(self, name)} is too few.", "Give at least 1.")
        for name, known in (("accelerator", Accelerator), ("kind", EngineKind)):
            if getattr(self, name) not in get_args(known):
                detail = f"{getattr(self, name)!r} is unknown."
                raise _wrong(name, detail, f"Use one of {', '.join(get_args(known))}.")

    def _check_flags(self) -> None:
        flags = normalised(self.flags)
        for name in _OF_THE_FORM:
            if name in flags:
                raise _wrong(f"flags.{name}", "it follows from the nodes.", "Leave it out.")
        if self.ranks != self.devices * self.nodes:
            raise LaunchError(
                code="devices_mismatch",
                field="devices",
                detail=f"the flags use {self.ranks} devices, and {self.nodes} × {self.devices} are there.",
                remedy="Make tensor × pipeline × data parallel size the number of all devices.",
            )
        if self.data_parallel > 1 and self.data_parallel % self.nodes:
            detail = f"{self.data_parallel} ranks do not divide among {self.nodes} nodes."
            raise _wrong("flags.data-parallel-size", detail, "Choose a multiple of the nodes.")

    @property
    def ranks(self) -> int:
        return self._size("tensor") * self._size("pipeline") * self._size("data")

    @property
    def data_parallel(self) -> int:
        return self._size("data")

    @property
    def model_path(self) -> str:
        return f"{MODELS}/{self.model}"

    def _size(self, kind: str) -> int:
        value = normalised(self.flags).get(f"{kind}-parallel-size", 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise _wrong(f"flags.{kind}-parallel-size", f"{value!r} is no number.", "Give a whole number.")
        return value

    @property
    def capacity(self) -> int | None:
        """Requests that one engine works on at once; None where no flag says."""
        sequences = normalised(self.flags).get("max-num-seqs")
        return sequences * self.data_parallel if isinstance(sequences, int) else None

    @property
    def routes(self) -> tuple[str, ...]:
        """That a chat model of its name usually stands behind."""
        return guess_routes(model=self.served_name) if self.kind == "chat" else ()

    def told(self) -> dict[str, Any]:
        """What Karez is told of each engine beside its address, as ``KAREZ_ENGINES`` has it."""
        told: dict[str, Any] = {"name": self.served_name, "kind": self.kind}
        told |= {"routes": list(self.routes)} if self.routes else {}
        return told | ({"capacity": self.capacity} if self.capacity else {})

    def serve_arguments(self) -> tuple[str, ...]:
        """After ``vllm serve``. In a container it listens to all of its own network, which leads to Karez alone."""
        head = (self.model_path, "--served-model-name", self.served_name)
        return (*head, "--host", "0.0.0.0", "--port", str(PORT), *arguments(flags=self.flags))  # noqa: S104 - as said

    def variables(self) -> dict[str, str]:
        """The environment that every form gives, with the deployment's own over it."""
        offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        return {**offline, **self.environment}


def read_deployment(*, text: str) -> EngineDeployment:
    """From a JSON object with the fields of EngineDeployment. Raises LaunchError naming the field."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise _wrong("description", f"it is not JSON: {error}.", "Correct it.") from error
    if not isinstance(given, dict):
        raise _wrong("description", "it is no object.", "Give one object with the fields of an engine.")
    known = {each.name: each for each in fields(EngineDeployment)}
    for name in given:
        if name not in known:
            raise _wrong(name, "there is no such field.", f"There are: {', '.join(known)}.")
    for name, each in known.items():
        if name not in given and each.default is MISSING and each.default_factory is MISSING:
            raise _wrong(name, "it is missing.", "Give it.")
        if name in given:
            _check_type(name, given[name], str(each.type))
    return EngineDeployment(**given)


def _check_type(name: str, value: Any, wanted: str) -> None:
    kind = {"int": int, "str": str}.get(wanted, dict if wanted.startswith("Mapping") else str)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _wrong(
            name,
            f"{value!r} is of the wrong kind.",
            f"Give {'an object' if kind is dict else f'a {kind.__name__}'}.",
        )


def _wrong(name: str, detail: str, remedy: str) -> LaunchError:
    return LaunchError(code="deployment_invalid", field=name, detail=detail, remedy=remedy)
