"""Deployments and replicas as administrators see them: what is registered and what the setting gives, as last seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from controlplane.serving.fleet import Fleet, fleet
from controlplane.serving.models import ModelDeployment
from controlplane.serving.models import Replica as ReplicaRow
from controlplane.serving.reason_texts import reason_text
from controlplane.serving.registry import Registry, registry
from controlplane.serving.selectors import RegisteredReplica, SeenReplica, fleet_rows, registered_replica
from inference.fleet import Replica


@dataclass(frozen=True, slots=True)
class ShownReplica:
    """`row` is None for one of the setting, which nobody changes here."""

    view: Replica
    seen: SeenReplica | None
    row: ReplicaRow | None = None

    @property
    def reason_text(self) -> str:
        return reason_text(reason=self.view.reason)

    @property
    def wanted(self) -> str:
        return self.row.wanted if self.row else "serving"

    @property
    def has_key(self) -> bool:
        return bool(self.row.sealed_key if self.row else self.view.endpoint.api_key)

    @property
    def in_flight(self) -> int | None:
        return self.seen.in_flight if self.seen else None

    @property
    def probed_at(self) -> datetime | None:
        return self.seen.probed_at if self.seen else None

    @property
    def latency_ms(self) -> int | None:
        return self.seen.latency_ms if self.seen else None

    @property
    def is_drained(self) -> bool:
        """It takes nothing new, and has nothing under way: whoever stops it now cuts no answer."""
        return self.view.state == "draining" and self.in_flight == 0


@dataclass(frozen=True, slots=True)
class ShownDeployment:
    """`row` is None for one of the setting."""

    name: str
    kind: str
    routes: tuple[str, ...]
    replicas: tuple[ShownReplica, ...]
    row: ModelDeployment | None = None
    overflow_to: str = ""


class Display:
    """Shows rows with what is known at this moment: from this process's memory where it hears of changes, else from the
    database, once."""

    def __init__(self, *, engines: Registry | None = None) -> None:
        self._engines = engines or registry()

    @cached_property
    def _fleet(self) -> Fleet:
        if fleet().is_connected():
            return fleet()
        read = Fleet()
        read.take(rows=fleet_rows())
        return read

    def replica(self, row: ReplicaRow) -> ShownReplica:
        """Of a row with its deployment."""
        registered: RegisteredReplica = registered_replica(row)
        view = self._fleet.replica(endpoint=registered.endpoint, registered=registered)
        return ShownReplica(view, self._fleet.seen(key=view.id), row)

    def deployment(self, row: ModelDeployment) -> ShownDeployment:
        """Of a row, with its replicas."""
        replicas = tuple(self.replica(replica) for replica in row.replicas.all())
        return ShownDeployment(row.name, row.kind, tuple(row.routes), replicas, row, row.overflow_to)

    def deployments(self, rows: Iterable[ModelDeployment]) -> list[ShownDeployment]:
        return [self.deployment(row) for row in rows]

    def given(self) -> list[ShownDeployment]:
        """Those of the setting, as far as engines have said what they serve."""
        named: dict[tuple[str, str], list[ShownReplica]] = {}
        for known in self._engines.all_replicas():
            if known.registered_id is None:
                view = self._fleet.replica(endpoint=known.endpoint)
                shown = ShownReplica(view, self._fleet.seen(key=view.id))
                named.setdefault((view.endpoint.kind, view.endpoint.name), []).append(shown)
        return [_of_setting(replicas) for replicas in named.values()]


def _of_setting(replicas: list[ShownReplica]) -> ShownDeployment:
    endpoints = [replica.view.endpoint for replica in replicas]
    routes = dict.fromkeys(route for endpoint in endpoints for route in endpoint.routes)
    overflow_to = next((endpoint.overflow_to for endpoint in endpoints if endpoint.overflow_to), "")
    return ShownDeployment(
        endpoints[0].name, endpoints[0].kind, tuple(routes), tuple(replicas), overflow_to=overflow_to
    )
