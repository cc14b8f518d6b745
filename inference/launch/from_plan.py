"""From a plan to what starts its engines: the plan knows the model, the layout and the flags, the site knows its paths."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from inference.launch.deployment import EngineDeployment
from inference.planner import Plan
from inference.vllm.errors import LaunchError
from inference.vllm.flags import FlagValue

# The versions whose flags the planner writes.
IMAGES = {"nvidia": "vllm/vllm-openai:v0.32.0", "huawei": "quay.io/ascend/vllm-ascend:v0.23.0"}
_ACCELERATORS = {"nvidia": "nvidia", "huawei": "ascend"}
# Without a word of the site's: what the published deployments give a card of theirs.
_CPUS_A_CARD, _GIB_A_CARD = 8, 64
_LONGEST_NAME = 40
# The forms name the model themselves, and nothing is fetched: weights lie on a disk of the site's.
_NOT_NEEDED = {"VLLM_USE_MODELSCOPE", "MODEL_PATH", "HEAD_ADDRESS"}


@dataclass(frozen=True, slots=True)
class Site:
    """What no plan knows. Empty and None: as usual.

    ``name``: of the service. ``model``: the path of the weights below ``models`` (a directory, or on Kubernetes a
    PersistentVolumeClaim), by default the last part of the repository's name. ``cpus`` and ``memory_gib`` are each node's.
    ``interface``: the network card between nodes.
    """

    models: str = "/srv/models"
    name: str = ""
    model: str = ""
    image: str = ""
    interface: str = "eth0"
    cpus: int | None = None
    memory_gib: int | None = None


def deployment_of(*, plan: Plan, site: Site) -> EngineDeployment:
    """The engines of a plan that fits. Raises LaunchError naming what of the site is wrong, or ``plan``."""
    if plan.launch is None or plan.chosen is None:
        raise LaunchError(
            code="plan_does_not_fit",
            field="plan",
            detail="This model does not fit on these cards.",
            remedy="Take what the plan says to buy, or another model.",
        )
    vendor = plan.hardware.accelerator.vendor
    if vendor not in IMAGES:
        raise LaunchError(
            code="accelerator_not_written",
            field="accelerator",
            detail=f"There are no launch files for cards of {vendor}.",
            remedy="Use the commands of the plan.",
        )
    layout = plan.chosen.layout
    nodes = layout.nodes(cards_per_node=plan.hardware.cards_per_node)
    devices = layout.engine_cards // nodes
    return EngineDeployment(
        name=site.name or service_name(plan.entry.id),
        model=site.model or _model(plan),
        served_name=plan.entry.id,
        image=site.image or IMAGES[vendor],
        models=site.models,
        devices=devices,
        nodes=nodes,
        replicas=layout.replicas,
        cpus=site.cpus or devices * _CPUS_A_CARD,
        memory_gib=site.memory_gib or devices * _GIB_A_CARD,
        accelerator=_ACCELERATORS[vendor],  # type: ignore[arg-type]  # its literals
        interface=site.interface,
        flags=dict(_flag(flag.name, flag.value) for flag in plan.launch.flags if not _is_own(flag.name)),
        environment={
            each.name: each.value
            for each in plan.launch.environment
            if each.value and each.name not in _NOT_NEEDED
        },
    )


def service_name(model_id: str) -> str:
    """A name that DNS takes."""
    return re.sub(r"[^a-z0-9]+", "-", model_id.lower()).strip("-")[:_LONGEST_NAME].rstrip("-")


def _model(plan: Plan) -> str:
    repository = plan.weights.repository
    if repository is None:
        raise LaunchError(
            code="weights_not_named",
            field="model_path",
            detail=f"Weights of {plan.entry.name} in {plan.weights.precision} are in no public place.",
            remedy="Give the path of your own below the directory of models.",
        )
    return repository.rpartition("/")[2]


def _is_own(name: str) -> bool:
    """Whether the description has a field for it."""
    return name == "--served-model-name"


def _flag(name: str, value: str | None) -> tuple[str, FlagValue]:
    return name.removeprefix("--"), True if value is None else _value(value)


def _value(text: str) -> Any:
    """Numbers and JSON as what they are."""
    if text.startswith("{") or re.fullmatch(r"-?\d+(\.\d+)?", text):
        return json.loads(text)
    return text
