"""Changing the registry. The caller has checked that `actor` administers the platform; the database asks again."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record_of_platform
from controlplane.core.problems import Conflict, InvalidInput
from controlplane.core.scope import Scope, platform_scope, scoped
from controlplane.core.sealing import seal
from controlplane.serving.addresses import engine_url
from controlplane.serving.models import (
    LONGEST_NAME,
    ModelDeployment,
    ModelKind,
    Replica,
    ReplicaHealth,
    WantedState,
)
from controlplane.serving.selectors import deployment_get, replica_get

MOST_ROUTES = 16
# A colon would make an assistant of it.
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._/-]{{0,{LONGEST_NAME - 1}}}")
_SEEN_FIELDS = [field.name for field in ReplicaHealth._meta.concrete_fields if not field.primary_key]
_WANTED_ACTIONS = {
    WantedState.SERVING: "replica.resumed",
    WantedState.DRAINING: "replica.drained",
    WantedState.OFF: "replica.switched_off",
}


@contextmanager
def _changing(actor: str) -> Iterator[None]:
    """One transaction, with sight of the registry. They go one after the other, so that what is found free stays free."""
    with transaction.atomic(), scoped(Scope(actor=actor, platform=True)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('karez registry'))")
        yield


def deployment_create(*, actor: str, name: str, **fields: Any) -> ModelDeployment:
    """`fields` are the model's. Raises InvalidInput, and Conflict for a name that is taken."""
    check_name(name=name, field="name")
    check_routes(routes=fields.get("routes", ()))
    _check_overflow(
        name=name, kind=fields.get("kind", ModelKind.CHAT), overflow_to=fields.get("overflow_to", "")
    )
    with _changing(actor):
        _check_free(name)
        deployment = ModelDeployment.objects.create(name=name, **fields)
        _record(actor, "deployment.created", deployment=deployment, **_told(deployment, fields))
    return deployment


def deployment_change(*, actor: str, deployment_id: UUID, **changes: Any) -> ModelDeployment:
    """Raises as `deployment_create`, and NotFound."""
    if "name" in changes:
        check_name(name=changes["name"], field="name")
    check_routes(routes=changes.get("routes", ()))
    with _changing(actor):
        deployment = deployment_get(deployment_id=deployment_id)
        changed = {name: value for name, value in changes.items() if getattr(deployment, name) != value}
        if not changed:
            return deployment
        if "name" in changed:
            _check_free(changed["name"])
        _write(deployment, changed)
        _check_overflow(name=deployment.name, kind=deployment.kind, overflow_to=deployment.overflow_to)
        _record(actor, "deployment.changed", deployment=deployment, **changed)
    return deployment


def deployment_remove(*, actor: str, deployment_id: UUID) -> None:
    """With its replicas. Requests that they have go on to their ends. Raises NotFound."""
    with _changing(actor):
        deployment = deployment_get(deployment_id=deployment_id)
        addresses = [replica.base_url for replica in deployment.replicas.all()]
        target, name = f"deployment:{deployment.pk}", deployment.name
        deployment.delete()
        record_of_platform(
            actor=actor, action="deployment.removed", target=target, name=name, replicas=addresses
        )


def replica_add(
    *,
    actor: str,
    deployment_id: UUID,
    base_url: str,
    model: str = "",
    api_key: str = "",
    capacity: int | None = None,
) -> Replica:
    """`model` is the server's name for it, by default the deployment's. Raises NotFound, InvalidInput, Conflict."""
    base_url = engine_url(given=base_url)
    with _changing(actor):
        deployment = deployment_get(deployment_id=deployment_id)
        model = model or deployment.name
        _check_unknown(base_url, model)
        replica = Replica.objects.create(
            deployment=deployment,
            base_url=base_url,
            model=model,
            sealed_key=seal(api_key),
            capacity=capacity,
        )
        _record_replica(
            actor, "replica.added", replica, model=model, has_key=bool(api_key), capacity=capacity
        )
    return replica


def replica_change(*, actor: str, replica_id: UUID, **changes: Any) -> Replica:
    """Its `base_url`, `model`, `api_key` or `capacity`. Raises as `replica_add`."""
    if "base_url" in changes:
        changes["base_url"] = engine_url(given=changes["base_url"])
    with _changing(actor):
        replica = replica_get(replica_id=replica_id)
        new_key = changes.pop("api_key", None)
        changed = {name: value for name, value in changes.items() if getattr(replica, name) != value}
        if {"base_url", "model"} & changed.keys():
            _check_unknown(changed.get("base_url", replica.base_url), changed.get("model", replica.model))
        told = {**changed, **({"has_key": bool(new_key)} if new_key is not None else {})}
        if not told:
            return replica
        if new_key is not None:
            changed["sealed_key"] = seal(new_key)
        _write(replica, changed)
        _record_replica(actor, "replica.changed", replica, **told)
    return replica


def replica_want(*, actor: str, replica_id: UUID, wanted: WantedState) -> Replica:
    """Drain it, take it back in, or switch it off. What it wants already is no error. Raises NotFound."""
    with _changing(actor):
        replica = replica_get(replica_id=replica_id)
        if replica.wanted != wanted:
            _write(replica, {"wanted": wanted})
            _record_replica(actor, _WANTED_ACTIONS[wanted], replica)
    return replica


def replica_remove(*, actor: str, replica_id: UUID) -> None:
    """Requests that it has go on to their ends. Raises NotFound."""
    with _changing(actor):
        replica = replica_get(replica_id=replica_id)
        target, told = f"replica:{replica.pk}", _address(replica)
        replica.delete()
        record_of_platform(actor=actor, action="replica.removed", target=target, **told)


def health_write(*, rows: Collection[ReplicaHealth], gone: Collection[str] = ()) -> None:
    """What the watch saw, and the keys of replicas that are no more. Not for the trail: nobody did it."""
    with transaction.atomic(), platform_scope():
        if gone:
            ReplicaHealth.objects.filter(key__in=gone).delete()
        for row in rows:
            # No upsert: that is an INSERT to the triggers, and would be told to everybody each time.
            seen = {name: getattr(row, name) for name in _SEEN_FIELDS}
            if not ReplicaHealth.objects.filter(key=row.key).update(**seen):
                row.save(force_insert=True)


def check_name(*, name: str, field: str) -> None:
    """Raises InvalidInput for what no caller could say as a model."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            code="invalid_model_name",
            field=field,
            detail=_("“%(name)s” cannot be the name of a model.") % {"name": name[:LONGEST_NAME]},
            remedy=_("Use letters, digits and . _ / -, beginning with a letter or a digit."),
        )


def check_routes(*, routes: Sequence[str]) -> None:
    """Raises InvalidInput."""
    if len(routes) > MOST_ROUTES:
        raise InvalidInput(
            code="too_many_routes",
            field="routes",
            detail=_("A model stands behind at most %(most)s routes.") % {"most": MOST_ROUTES},
        )
    for route in routes:
        check_name(name=route, field="routes")


def _check_overflow(*, name: str, kind: str, overflow_to: str) -> None:
    """Whether there is a model by that name is seen when it is needed. Raises InvalidInput."""
    if not overflow_to:
        return
    check_name(name=overflow_to, field="overflow_to")
    if kind != ModelKind.CHAT:
        raise InvalidInput(
            code="no_stand_in",
            field="overflow_to",
            detail=_(
                "Only chat models have a stand-in: another model’s vectors and scores are not comparable."
            ),
            remedy=_("Leave it empty."),
        )
    if overflow_to == name:
        raise InvalidInput(
            code="own_stand_in",
            field="overflow_to",
            detail=_("“%(name)s” cannot stand in for itself.") % {"name": name},
            remedy=_("Name another model, or leave it empty."),
        )


def _check_free(name: str) -> None:
    if ModelDeployment.objects.filter(name=name).exists():
        raise Conflict(
            code="deployment_exists",
            field="name",
            detail=_("There is already a deployment “%(name)s”.") % {"name": name},
            remedy=_("Add a replica to it, or choose another name."),
        )


def _check_unknown(base_url: str, model: str) -> None:
    known = Replica.objects.select_related("deployment").filter(base_url=base_url, model=model).first()
    if known is not None:
        raise Conflict(
            code="replica_exists",
            field="base_url",
            detail=_("This model on this server is a replica of “%(name)s” already.")
            % {"name": known.deployment.name},
            remedy=_("Change that replica, or give that deployment another route."),
        )


def _write(row: ModelDeployment | Replica, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def _told(deployment: ModelDeployment, fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": deployment.name, **fields}


def _record(actor: str, action: str, *, deployment: ModelDeployment, **data: Any) -> None:
    record_of_platform(actor=actor, action=action, target=f"deployment:{deployment.pk}", **data)


def _address(replica: Replica) -> dict[str, str]:
    return {"deployment": replica.deployment.name, "base_url": replica.base_url}


def _record_replica(actor: str, action: str, replica: Replica, **data: Any) -> None:
    """Whether it has a key is told, and never the key."""
    data = {**_address(replica), **data}
    record_of_platform(actor=actor, action=action, target=f"replica:{replica.pk}", **data)
