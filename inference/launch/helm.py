"""Values for the Helm chart of the vLLM production-stack: replicas behind its router, or one engine of several nodes on Ray."""

from __future__ import annotations

from typing import Any

from inference.launch import kubernetes
from inference.launch.deployment import PORT, EngineDeployment
from inference.launch.text import documents
from inference.vllm.errors import LaunchError
from inference.vllm.flags import FlagValue, arguments, normalised

OF_THE_CHART = "VLLM_HOST_IP"  # given to the nodes of a Ray cluster by the chart itself
# Flags for which the chart has a value; every other one is an extra argument.
_VALUES = {
    "tensor-parallel-size": "tensorParallelSize",
    "max-model-len": "maxModelLen",
    "max-num-seqs": "maxNumSeqs",
    "gpu-memory-utilization": "gpuMemoryUtilization",
    "dtype": "dtype",
    "enable-prefix-caching": "enablePrefixCaching",
    "enable-chunked-prefill": "enableChunkedPrefill",
}


def helm_values(*, deployment: EngineDeployment) -> str:
    """The text of a values file. Raises LaunchError for ranks of data parallelism over several nodes: what the chart starts on
    Ray is one world."""
    if deployment.nodes > 1 and deployment.data_parallel > 1:
        raise LaunchError(
            code="form_needs_one_world",
            field="flags.data-parallel-size",
            detail="The chart's Ray cluster has no ranks of data parallelism over several nodes.",
            remedy="Use the LeaderWorkerSet.",
        )
    heading = (
        f"{deployment.served_name} on the vLLM production-stack:\n"
        f"  kubectl create secret generic {kubernetes.SECRET} --from-file={kubernetes.SECRET_KEY}=secrets/engine_api_key\n"
        f"  helm install {deployment.name} vllm/vllm-stack --values <this file>\n"
        f"Karez reaches it at http://{deployment.name}-router-service:80/v1, and nobody else should."
    )
    return documents(_values(deployment), heading=heading)


def _values(deployment: EngineDeployment) -> dict[str, Any]:
    probes = kubernetes.probes(deployment=deployment)
    return {
        "servingEngineSpec": {
            "runtimeClassName": "" if deployment.accelerator == "ascend" else "nvidia",
            "imagePullPolicy": "IfNotPresent",
            "containerPort": PORT,
            "vllmApiKey": {"secretName": kubernetes.SECRET, "secretKey": kubernetes.SECRET_KEY},
            **probes,
            "modelSpec": [_model(deployment)],
        },
        "routerSpec": {"enableRouter": True},
    }


def _model(deployment: EngineDeployment) -> dict[str, Any]:
    repository, _colon, tag = deployment.image.rpartition(":")
    on_ray = deployment.nodes > 1
    model: dict[str, Any] = {
        "name": deployment.name,
        "repository": repository,
        "tag": tag,
        "modelURL": deployment.model_path,
        # On Ray: the nodes beside the head.
        "replicaCount": deployment.nodes - 1 if on_ray else deployment.replicas,
        "requestCPU": deployment.cpus,
        "requestMemory": f"{deployment.memory_gib}Gi",
        "limitMemory": f"{deployment.memory_gib}Gi",
        "requestGPU": deployment.devices,
        "requestGPUType": kubernetes.resource(deployment=deployment),
        "shmSize": f"{deployment.shm_gib}Gi",
        "vllmConfig": _config(deployment),
        "env": [
            each
            for each in kubernetes.variables(deployment=deployment)
            if not (on_ray and each["name"] == OF_THE_CHART)
        ],
        "extraVolumes": kubernetes.volumes(deployment=deployment),
        "extraVolumeMounts": kubernetes.volume_mounts(),
    }
    return model | (_on_ray(deployment) if on_ray else {})


def _config(deployment: EngineDeployment) -> dict[str, Any]:
    # The chart switches prefix caching off unless it is told otherwise, and has shared memory only beside a parallel size.
    own: dict[str, FlagValue] = {"tensor-parallel-size": 1, "enable-prefix-caching": True}
    flags = own | normalised(deployment.flags)
    config: dict[str, Any] = {_VALUES[name]: flags[name] for name in flags if name in _VALUES}
    rest = {name: value for name, value in flags.items() if name not in _VALUES}
    config["extraArgs"] = ["--served-model-name", deployment.served_name, *arguments(flags=rest)]
    return config


def _on_ray(deployment: EngineDeployment) -> dict[str, Any]:
    head = {
        "requestCPU": deployment.cpus,
        "requestMemory": f"{deployment.memory_gib}Gi",
        "requestGPU": deployment.devices,
        "requestGPUType": kubernetes.resource(deployment=deployment),
    }
    return {"raySpec": {"enabled": True, "headNode": head}}
