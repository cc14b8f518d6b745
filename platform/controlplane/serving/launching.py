"""From a plan to the file that starts its engines, and to what the registry is told of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput
from inference.launch import FORMS, EngineDeployment, Site, deployment_of
from inference.planner import Plan
from inference.vllm import LaunchError

_PROBLEMS: Mapping[str, tuple[Promise, Promise]] = {
    "plan_does_not_fit": (
        _("This model does not fit on these cards."),
        _("Take what the plan says to buy, or another model."),
    ),
    "accelerator_not_written": (
        _("There are no launch files for these cards."),
        _("Use the commands of the plan."),
    ),
    "weights_not_named": (
        _("The weights in this precision are in no public place."),
        _("Give the path of your own below the directory of models."),
    ),
    "form_needs_one_node": (
        _("This form starts engines of one host; the plan’s engine is spread over several."),
        _("Take the LeaderWorkerSet."),
    ),
    "form_needs_one_world": (
        _("The Helm chart does not start ranks of data parallelism over several nodes."),
        _("Take the LeaderWorkerSet."),
    ),
}
# What the description of an engine checks of a site, by its field.
_OF_THE_SITE: Mapping[str, tuple[Promise, Promise]] = {
    "name": (
        _("This names no service."),
        _("Use small letters, digits and hyphens, 40 at most."),
    ),
    "model": (
        _("This is not below the directory of models."),
        _("Give a path without “..” and a first slash."),
    ),
    "image": (_("This image has no tag."), _("Name one version: what runs must not change by itself.")),
    "models": (_("This names no directory and no claim."), _("Give the directory of the weights.")),
    "interface": (_("This names no network card."), _("Give its name, as eth0.")),
}
# The description's fields, as who asks knows them.
_FIELDS = {
    "nodes": "form",
    "flags.data-parallel-size": "form",
    "plan": "plan.model",
    "accelerator": "plan.accelerator",
    "model": "site.model_path",
    "model_path": "site.model_path",
    **{name: f"site.{name}" for name in ("name", "models", "image", "interface")},
}


@dataclass(frozen=True, slots=True)
class LaunchFile:
    """`content` is the file; `deployment` has the fields of a registered deployment, `replicas` those of its replicas."""

    form: str
    file_name: str
    content: str
    deployment: Mapping[str, Any]
    replicas: tuple[Mapping[str, Any], ...]


def launch_file(*, plan: Plan, form: str, site: Site) -> LaunchFile:
    """Raises InvalidInput naming the field."""
    chosen = FORMS[form]
    try:
        described = deployment_of(plan=plan, site=site)
        content = chosen.write(deployment=described)
    except LaunchError as error:
        raise _problem(error) from error
    told = described.told()
    return LaunchFile(
        form=form,
        file_name=chosen.file_name,
        content=content,
        deployment={"name": told["name"], "kind": told["kind"], "routes": told.get("routes", [])},
        replicas=tuple(_replicas(described, chosen.addresses(described))),
    )


def _replicas(described: EngineDeployment, addresses: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """One for each address; what stands behind one is what the engines there answer at once, all together."""
    one, behind = described.capacity, described.replicas // len(addresses)
    capacity = None if one is None else one * behind
    for address in addresses:
        yield {"base_url": address, "model": described.served_name, "capacity": capacity}


def _problem(error: LaunchError) -> InvalidInput:
    known = _PROBLEMS.get(error.code) or _OF_THE_SITE.get(error.field)
    detail, remedy = known or (error.detail, error.remedy)
    field = _FIELDS.get(error.field, error.field)
    return InvalidInput(code=error.code, field=field, detail=str(detail), remedy=str(remedy))
