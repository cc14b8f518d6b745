"""Engines that run in containers: their description, and the files that start them on one host or on a cluster."""

from inference.launch.compose import compose_overlay
from inference.launch.deployment import Accelerator, EngineDeployment, read_deployment
from inference.launch.forms import FORMS, Form
from inference.launch.from_plan import Site, deployment_of
from inference.launch.helm import helm_values
from inference.launch.leader_worker_set import leader_worker_set
from inference.launch.process import process_script

__all__ = [
    "FORMS",
    "Accelerator",
    "EngineDeployment",
    "Form",
    "Site",
    "compose_overlay",
    "deployment_of",
    "helm_values",
    "leader_worker_set",
    "process_script",
    "read_deployment",
]
