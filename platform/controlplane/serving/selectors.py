"""Reading the registry: what administrators registered, and what was last seen of every replica."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.core.scope import platform_scope
from controlplane.core.sealing import SealBroken, unseal
from controlplane.serving.models import ModelDeployment, Replica, ReplicaHealth
from inference.endpoints import EngineEndpoint
from inference.fleet import Reason, State, Wanted, replica_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegisteredReplica:
    """As requests and the watch need it. `is_readable` is False where its key was sealed with another secret."""

    id: UUID
    endpoint: EngineEndpoint
    wanted: Wanted
    is_readable: bool = True

    @property
    def key(self) -> str:
        return replica_key(base_url=self.endpoint.base_url, model=self.endpoint.model)


@dataclass(frozen=True, slots=True)
class SeenReplica:
    """What the watch last saw. The fields are those of `ReplicaHealth`."""

    state: State
    since: datetime
    reason: Reason
    running: int | None = None
    waiting: int | None = None
    kv_usage: float | None = None
    prefix_hit_rate: float | None = None
    in_flight: int | None = None
    probed_at: datetime | None = None
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FleetRows:
    """All of the registry, as it is in the database. `seen` is by the replica's key."""

    registered: tuple[RegisteredReplica, ...] = ()
    seen: Mapping[str, SeenReplica] | None = None


def deployment_list() -> QuerySet[ModelDeployment]:
    """With their replicas, the oldest first."""
    replicas = Replica.objects.order_by("id")
    return ModelDeployment.objects.prefetch_related(Prefetch("replicas", queryset=replicas))


def deployment_get(*, deployment_id: UUID) -> ModelDeployment:
    """Raises NotFound."""
    found = deployment_list().filter(pk=deployment_id).first()
    if found is None:
        raise not_found(kind=_("deployment"), id=deployment_id)
    return found


def replica_get(*, replica_id: UUID) -> Replica:
    """With its deployment. Raises NotFound."""
    found = Replica.objects.select_related("deployment").filter(pk=replica_id).first()
    if found is None:
        raise not_found(kind=_("replica"), id=replica_id)
    return found


def fleet_rows() -> FleetRows:
    """All of it, in two queries, for whoever keeps it in memory."""
    with platform_scope():
        replicas = list(Replica.objects.select_related("deployment").order_by("id"))
        healths = list(ReplicaHealth.objects.all())
    return FleetRows(
        registered=tuple(map(registered_replica, replicas)), seen={row.key: _seen(row) for row in healths}
    )


def registered_replica(row: Replica) -> RegisteredReplica:
    """Of a row with its deployment."""
    deployment, api_key, is_readable = row.deployment, "", True
    try:
        api_key = unseal(row.sealed_key)
    except SealBroken as error:
        is_readable = False
        log.error("the key of the replica %s cannot be read: %s", row.pk, error)
    endpoint = EngineEndpoint(
        name=deployment.name,
        base_url=row.base_url,
        model=row.model,
        api_key=api_key,
        kind=deployment.kind,  # type: ignore[arg-type]  # one of its choices
        routes=tuple(deployment.routes),
        context_tokens=deployment.context_tokens,
        profile=deployment.profile,  # type: ignore[arg-type]  # one of its choices
        preopened_reasoning=deployment.preopened_reasoning,
        capacity=row.capacity,
        overflow_to=deployment.overflow_to,
        kind_given=True,
    )
    return RegisteredReplica(row.pk, endpoint, row.wanted, is_readable)  # type: ignore[arg-type]  # one of its choices


def _seen(row: ReplicaHealth) -> SeenReplica:
    return SeenReplica(
        state=row.state,  # type: ignore[arg-type]  # one of its choices
        since=row.since,
        reason=Reason(row.reason_code, row.reason_words),
        running=row.running,
        waiting=row.waiting,
        kv_usage=row.kv_usage,
        prefix_hit_rate=row.prefix_hit_rate,
        in_flight=row.in_flight,
        probed_at=row.probed_at,
        latency_ms=row.latency_ms,
    )
