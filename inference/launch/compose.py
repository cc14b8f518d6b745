"""An overlay of docker-compose.yml with one more engine on the host's own accelerators."""

from __future__ import annotations

import json
from typing import Any

from inference.launch import ascend
from inference.launch.deployment import MODELS, PORT, EngineDeployment
from inference.launch.probe import REQUEST_SECONDS, probe_command
from inference.launch.text import documents
from inference.vllm.errors import LaunchError

START_MINUTES = 60
# The key is a file, and vLLM reads a variable: it is put there in the container, and stands in no description of it.
_ENTRYPOINT = (
    'VLLM_API_KEY="$(cat /run/secrets/engine_api_key)" && export VLLM_API_KEY && exec vllm serve "$@"'
)
_ACCOUNT = "10001:10001"


def compose_overlay(*, deployment: EngineDeployment) -> str:
    """The text of a file for ``COMPOSE_FILE``. Raises LaunchError for what one host cannot run."""
    if deployment.nodes > 1:
        raise LaunchError(
            code="form_needs_one_node",
            field="nodes",
            detail="Compose is one host.",
            remedy="Use the LeaderWorkerSet or the Helm values.",
        )
    services = service_names(deployment)
    engines = [{**deployment.told(), "url": f"http://{service}:{PORT}/v1"} for service in services]
    heading = (
        f"{deployment.served_name} on this host. Add this file in .env, and tell Karez of the engine:\n"
        f"  COMPOSE_FILE=docker-compose.yml:<this file>\n"
        f"  KAREZ_ENGINES={json.dumps(engines)}\n"
        "Its key is secrets/engine_api_key, readable by account 10001."
    )
    described = {service: _service(deployment, place) for place, service in enumerate(services)}
    return documents({"services": described}, heading=heading)


def service_names(deployment: EngineDeployment) -> list[str]:
    """In Karez's own network."""
    name = f"engine-{deployment.name}"
    return [name] if deployment.replicas == 1 else [f"{name}-{place}" for place in range(deployment.replicas)]


def _service(deployment: EngineDeployment, place: int) -> dict[str, Any]:
    """The one at that place; those beside it on the host have cards of their own."""
    service: dict[str, Any] = {
        "image": deployment.image,
        "restart": "unless-stopped",
        "init": True,
        "user": _ACCOUNT,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "entrypoint": ["/bin/sh", "-c", _escaped(_ENTRYPOINT), "vllm"],
        "command": [_escaped(word) for word in deployment.serve_arguments()],
        "environment": {name: _escaped(value) for name, value in _variables(deployment).items()},
        "secrets": ["engine_api_key"],
        "volumes": [f"{_escaped(deployment.models)}:{MODELS}:ro"],
        "tmpfs": ["/tmp:size=4g,mode=1777", "/cache:size=8g,mode=0700,uid=10001,gid=10001,exec"],  # noqa: S108
        "shm_size": f"{deployment.shm_gib}g",
        "mem_limit": f"{deployment.memory_gib}g",
        "cpus": deployment.cpus,
        "ulimits": {"memlock": {"soft": -1, "hard": -1}, "stack": 67_108_864, "nofile": 65_536},
        "networks": ["models"],
        "healthcheck": {
            "test": ["CMD", *map(_escaped, probe_command(deployment=deployment))],
            "interval": "60s",
            "timeout": f"{REQUEST_SECONDS + 10}s",
            "retries": 3,
            "start_period": f"{START_MINUTES}m",
            "start_interval": "15s",
        },
    }
    return service | (
        _ascend(service, deployment, place)
        if deployment.accelerator == "ascend"
        else _nvidia(deployment, place)
    )


def _nvidia(deployment: EngineDeployment, place: int) -> dict[str, Any]:
    which: dict[str, Any] = {"count": deployment.devices}
    if deployment.replicas > 1:
        first = place * deployment.devices
        which = {"device_ids": [str(number) for number in range(first, first + deployment.devices)]}
    devices = [{"driver": "nvidia", **which, "capabilities": ["gpu"]}]
    return {"deploy": {"resources": {"reservations": {"devices": devices}}}}


def _ascend(service: dict[str, Any], deployment: EngineDeployment, place: int) -> dict[str, Any]:
    """As root, which may open the devices; it keeps the right to read what belongs to others, as the key does."""
    mounts = [*service["volumes"], *ascend.driver_mounts()]
    account = {"user": "0:0", "cap_add": ["DAC_OVERRIDE"]}
    devices = ascend.device_files(deployment=deployment, place=place)
    return {**account, "devices": devices, "volumes": mounts}


def _variables(deployment: EngineDeployment) -> dict[str, str]:
    """The account has no entry in the image, and the root is read-only: caches lie in /cache."""
    places = {"USER": "karez", "HOME": "/cache", "VLLM_CACHE_ROOT": "/cache/vllm"}
    places |= {"TORCHINDUCTOR_CACHE_DIR": "/cache/inductor", "TRITON_CACHE_DIR": "/cache/triton"}
    own = ascend.variables(deployment=deployment) if deployment.accelerator == "ascend" else {}
    return {**places, **own, **deployment.variables()}


def _escaped(text: str) -> str:
    """Compose would put variables in."""
    return text.replace("$", "$$")
