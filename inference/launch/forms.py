"""The forms in which an engine can be started, each with the name of its file and the addresses that Karez is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inference.launch import compose, helm, leader_worker_set, process
from inference.launch.deployment import PORT, EngineDeployment


@dataclass(frozen=True, slots=True)
class Form:
    """``write`` gives the file's text and raises LaunchError for what the place cannot run; ``addresses`` are base URLs: one
    for each engine, or one for all of them where something stands before them."""

    write: Callable[..., str]
    file_name: str
    addresses: Callable[[EngineDeployment], list[str]]


FORMS: Mapping[str, Form] = {
    "compose": Form(
        compose.compose_overlay,
        "engine.yml",
        lambda given: [f"http://{service}:{PORT}/v1" for service in compose.service_names(given)],
    ),
    "helm": Form(
        helm.helm_values, "values.yaml", lambda given: [f"http://{given.name}-router-service:80/v1"]
    ),
    "leader-worker-set": Form(
        leader_worker_set.leader_worker_set, "engine.yaml", lambda given: [f"http://{given.name}:{PORT}/v1"]
    ),
    "process": Form(
        process.process_script,
        "engine.sh",
        lambda given: [f"http://127.0.0.1:{PORT + place}/v1" for place in range(given.replicas)],
    ),
}
