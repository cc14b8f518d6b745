"""Engines that run in containers: their description, and the files that start them on one host or on a cluster."""

from inference.launch.compose import compose_overlay
from inference.launch.deployment import Accelerator, EngineDeployment, read_deployment
from inference.launch.helm import helm_values
from inference.launch.leader_worker_set import leader_worker_set

__all__ = [
    "Accelerator",
    "EngineDeployment",
    "compose_overlay",
    "helm_values",
    "leader_worker_set",
    "read_deployment",
]
