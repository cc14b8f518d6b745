from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.core.problems import Problem
from controlplane.core.scope import platform_scope
from controlplane.identity.principal import Principal
from controlplane.metering.limits import USUAL_WEIGHT, LimitValues, limits_of, tenant_limits_set
from controlplane.tenants.models import Tenant

_OPERATOR = Principal(actor="system", tenant_id=None, name="system", is_platform_admin=True)


class Command(BaseCommand):
    help = "limits show|set ORGANISATION: what an organisation may use of the engines, as a whole"

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="what", required=True)
        kinds.add_parser("show", help="of the organisation and its departments").add_argument("slug")
        change = kinds.add_parser("set", help="all at once: what is left out is not limited")
        change.add_argument("slug")
        change.add_argument("--requests-per-minute", type=int)
        change.add_argument("--tokens-per-minute", type=int)
        change.add_argument("--concurrency", type=int, help="requests that are answered or wait at once")
        change.add_argument(
            "--weight", type=int, default=USUAL_WEIGHT, help="its part where engines are full"
        )
        change.add_argument("--no-batch", action="store_true", help="refuse requests that say they may wait")
        change.add_argument(
            "--overflow", action="store_true", help="let a model's stand-in answer while it is full or away"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with platform_scope():
            tenant = Tenant.objects.filter(slug=options["slug"]).first()
        if tenant is None:
            raise CommandError(f"there is no organisation “{options['slug']}”")
        if options["what"] == "set":
            values = LimitValues(
                requests_per_minute=options["requests_per_minute"],
                tokens_per_minute=options["tokens_per_minute"],
                concurrency=options["concurrency"],
                weight=options["weight"],
                batch_allowed=not options["no_batch"],
                overflow_allowed=options["overflow"] or None,
            )
            try:
                tenant_limits_set(principal=_OPERATOR, tenant_id=tenant.pk, values=values)
            except Problem as problem:
                raise CommandError(f"--{problem.field.replace('_', '-')}: {problem.told()}") from problem
        found = limits_of(tenant_id=tenant.pk)
        self.stdout.write(f"{tenant.slug}: {_told(found.own)}")
        for department, own in found.departments.items():
            self.stdout.write(f"  {department}: {_told(own)}")


def _told(values: LimitValues) -> str:
    given = {
        "requests a minute": values.requests_per_minute,
        "tokens a minute": values.tokens_per_minute,
        "at once": values.concurrency,
    }
    limits = [f"{value} {unit}" for unit, value in given.items() if value is not None] or ["no limits"]
    batch = "batch allowed" if values.batch_allowed else "no batch"
    overflow = {None: [], True: ["stand-ins may answer"], False: ["no stand-ins"]}[values.overflow_allowed]
    return ", ".join([*limits, f"weight {values.weight}", batch, *overflow])
