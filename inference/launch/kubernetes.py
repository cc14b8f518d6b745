"""What the forms for Kubernetes have in common."""

from __future__ import annotations

from typing import Any

from inference.launch import ascend
from inference.launch.deployment import MODELS, PORT, EngineDeployment
from inference.launch.probe import REQUEST_SECONDS, probe_command

SECRET, SECRET_KEY = "karez-engine", "api-key"
START_MINUTES = 60
_PROBE_PERIOD = 15


def resource(*, deployment: EngineDeployment) -> str:
    return ascend.RESOURCE if deployment.accelerator == "ascend" else "nvidia.com/gpu"


def variables(*, deployment: EngineDeployment) -> list[dict[str, Any]]:
    """The engine's environment without its key; `$(` would be a reference, and is escaped."""
    found = {**_accelerator(deployment), **deployment.variables()}
    plain = [{"name": name, "value": value.replace("$(", "$$(")} for name, value in found.items()]
    return [*_address(deployment), *plain]


def _accelerator(deployment: EngineDeployment) -> dict[str, str]:
    if deployment.accelerator == "ascend":
        return ascend.variables(deployment=deployment)
    if deployment.nodes == 1:
        return {}
    return {"GLOO_SOCKET_IFNAME": deployment.interface, "NCCL_SOCKET_IFNAME": deployment.interface}


def _address(deployment: EngineDeployment) -> list[dict[str, Any]]:
    if deployment.nodes == 1:
        return []
    names = ["VLLM_HOST_IP", *(["HCCL_IF_IP"] if deployment.accelerator == "ascend" else [])]
    of_the_pod = {"fieldRef": {"fieldPath": "status.podIP"}}
    return [{"name": name, "valueFrom": of_the_pod} for name in names]


def key_variable() -> dict[str, Any]:
    return {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": SECRET_KEY}}}


def resources(*, deployment: EngineDeployment) -> dict[str, Any]:
    memory = f"{deployment.memory_gib}Gi"
    devices = {resource(deployment=deployment): str(deployment.devices)}
    return {
        "requests": {"cpu": str(deployment.cpus), "memory": memory, **devices},
        "limits": {"memory": memory, **devices},
    }


def probes(*, deployment: EngineDeployment) -> dict[str, dict[str, Any]]:
    """Ready means that it answers. It is ended only when its server is gone: a long queue is no reason."""
    request = {
        "exec": {"command": probe_command(deployment=deployment)},
        "timeoutSeconds": REQUEST_SECONDS + 10,
    }
    alive = {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 10, "failureThreshold": 6}
    return {
        "startupProbe": {
            **request,
            "periodSeconds": _PROBE_PERIOD,
            "failureThreshold": START_MINUTES * 60 // _PROBE_PERIOD,
        },
        "readinessProbe": {**request, "periodSeconds": 60, "failureThreshold": 2},
        "livenessProbe": {**alive, "timeoutSeconds": 5},
    }


def volumes(*, deployment: EngineDeployment) -> list[dict[str, Any]]:
    claim = {"claimName": deployment.models, "readOnly": True}
    return [{"name": "models", "persistentVolumeClaim": claim}]


def volume_mounts() -> list[dict[str, Any]]:
    return [{"name": "models", "mountPath": MODELS, "readOnly": True}]
