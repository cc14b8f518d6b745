from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import verify
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.tenant_ids import tenant_ids

PLATFORM = "(platform)"


class Command(BaseCommand):
    help = "audit verify: recompute every tenant's chain and the platform's, and name the first broken link"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify"])
        parser.add_argument("--tenant", default="", help="slug of one tenant; all of them without it")

    def handle(self, *args: Any, **options: Any) -> None:
        with platform_scope():
            tenants = tenant_ids(slug=options["tenant"])
        if options["tenant"] and not tenants:
            raise CommandError(f"there is no tenant {options['tenant']!r}")
        if not options["tenant"]:
            tenants[PLATFORM] = PLATFORM_CHAIN
        broken = [slug for slug, tenant_id in tenants.items() if not self._verify(slug, tenant_id)]
        if broken:
            raise CommandError(f"broken: {', '.join(broken)}")

    def _verify(self, slug: str, tenant_id: Any) -> bool:
        with tenant_scope(tenant_id):
            result = verify(tenant_id=tenant_id)
        if result.first_break is None:
            self.stdout.write(f"{slug}: {result.links} events, intact")
            return True
        self.stdout.write(
            f"{slug}: first broken link at event {result.first_break.sequence}: {result.first_break.reason}"
        )
        return False
