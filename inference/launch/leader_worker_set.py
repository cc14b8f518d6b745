"""A group of nodes that are one engine: a LeaderWorkerSet and the Service before its leaders, without Ray."""

from __future__ import annotations

from typing import Any

from inference.launch import kubernetes
from inference.launch.deployment import PORT, EngineDeployment
from inference.launch.text import documents

MASTER_PORT, RANKS_PORT = 29_500, 13_389
_LEADER, _INDEX = "$(LWS_LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)"
# The controller puts the place of a pod in its group into LWS_WORKER_INDEX; the kubelet does not calculate.
_FOLLOWER = 'exec vllm serve "$@" --data-parallel-start-rank "$((LWS_WORKER_INDEX * RANKS_OF_A_NODE))"'


def leader_worker_set(*, deployment: EngineDeployment) -> str:
    """The text of a manifest with both."""
    heading = (
        f"{deployment.served_name}: {deployment.replicas} × {deployment.nodes} nodes of {deployment.devices} devices.\n"
        f"  kubectl create secret generic {kubernetes.SECRET} --from-file={kubernetes.SECRET_KEY}=secrets/engine_api_key\n"
        f"Karez reaches it at http://{deployment.name}:{PORT}/v1. Keep everybody else out with a NetworkPolicy: what the\n"
        "nodes tell each other is neither encrypted nor asked for a key."
    )
    return documents(_service(deployment), _set(deployment), heading=heading)


def _labels(deployment: EngineDeployment) -> dict[str, str]:
    return {"app.kubernetes.io/name": "karez-engine", "app.kubernetes.io/instance": deployment.name}


def _service(deployment: EngineDeployment) -> dict[str, Any]:
    leader = {
        "leaderworkerset.sigs.k8s.io/name": deployment.name,
        "leaderworkerset.sigs.k8s.io/worker-index": "0",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": deployment.name, "labels": _labels(deployment)},
        "spec": {"selector": leader, "ports": [{"name": "http", "port": PORT, "targetPort": PORT}]},
    }


def _set(deployment: EngineDeployment) -> dict[str, Any]:
    template: dict[str, Any] = {
        "size": deployment.nodes,
        # One that is gone takes the collectives of all with it.
        "restartPolicy": "RecreateGroupOnPodRestart",
        "leaderTemplate": _pod(deployment, leader=True),
        "workerTemplate": _pod(deployment, leader=deployment.nodes == 1),
    }
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": deployment.name, "labels": _labels(deployment)},
        "spec": {"replicas": deployment.replicas, "leaderWorkerTemplate": template},
    }


def _pod(deployment: EngineDeployment, *, leader: bool) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "vllm",
        "image": deployment.image,
        **_started(deployment, leader=leader),
        "env": [kubernetes.key_variable(), *kubernetes.variables(deployment=deployment)],
        "resources": kubernetes.resources(deployment=deployment),
        "volumeMounts": [*kubernetes.volume_mounts(), {"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108
    }
    if deployment.nodes > 1:
        container["securityContext"] = {"capabilities": {"add": ["IPC_LOCK"]}}  # for RDMA
    if leader:
        container["ports"] = [{"name": "http", "containerPort": PORT}]
        container |= kubernetes.probes(deployment=deployment)
    shared = {"medium": "Memory", "sizeLimit": f"{deployment.shm_gib}Gi"}
    volumes = [*kubernetes.volumes(deployment=deployment), {"name": "shm", "emptyDir": shared}]
    spec = {"automountServiceAccountToken": False, "containers": [container], "volumes": volumes}
    return {"metadata": {"labels": _labels(deployment)}, "spec": spec}


def _started(deployment: EngineDeployment, *, leader: bool) -> dict[str, Any]:
    """Ranks of data parallelism are spread over the nodes; else the nodes are one world of tensors and stages."""
    words = [word.replace("$(", "$$(") for word in deployment.serve_arguments()]
    place = _place(deployment, leader=leader)
    if deployment.nodes > 1 and deployment.data_parallel > 1 and not leader:
        local = deployment.data_parallel // deployment.nodes
        script = _FOLLOWER.replace("RANKS_OF_A_NODE", str(local))
        return {"command": ["/bin/sh", "-c", script.replace("$(", "$$("), "vllm"], "args": [*words, *place]}
    return {"command": ["vllm", "serve"], "args": [*words, *place]}


def _place(deployment: EngineDeployment, *, leader: bool) -> list[str]:
    if deployment.nodes == 1:
        return []
    silent = [] if leader else ["--headless"]
    if deployment.data_parallel > 1:
        local = str(deployment.data_parallel // deployment.nodes)
        meeting = ["--data-parallel-address", _LEADER, "--data-parallel-rpc-port", str(RANKS_PORT)]
        return ["--data-parallel-size-local", local, *meeting, *silent]
    group = ["--nnodes", str(deployment.nodes), "--node-rank", _INDEX]
    return [*group, "--master-addr", _LEADER, "--master-port", str(MASTER_PORT), *silent]
