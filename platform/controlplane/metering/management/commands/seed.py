import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from controlplane.core.problems import Problem
from controlplane.metering.seeding.run import Amounts, seed_tenant

_EVERY_SECONDS = 2.0


class Command(BaseCommand):
    help = "seed: fill a tenant with made-up documents, conversations and audit events, for load tests"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default="load-test", help="slug of the tenant that is made")
        parser.add_argument("--documents", type=int, default=100_000)
        parser.add_argument("--messages", type=int, default=1_000_000)
        parser.add_argument("--audit-events", type=int, default=1_000_000)
        parser.add_argument("--passages", type=int, default=2, help="of a document, on average; 0 for none")
        parser.add_argument("--seed", default="1", help="the same seed makes the same rows")
        parser.add_argument(
            "--language", choices=("zh-hans", "en"), default="zh-hans", help="of the conversations"
        )
        parser.add_argument(
            "--until", type=datetime.fromisoformat, help="when the made-up time ends; now without it"
        )
        parser.add_argument("--append", action="store_true", help="add to a tenant that was seeded before")

    def handle(self, *args: Any, **options: Any) -> None:
        self._last = (0.0, "")
        until = options["until"] or timezone.now()
        if timezone.is_naive(until):
            until = timezone.make_aware(until)
        try:
            done = seed_tenant(
                slug=options["tenant"],
                amounts=Amounts(
                    documents=options["documents"],
                    messages=options["messages"],
                    events=options["audit_events"],
                    passages=options["passages"],
                ),
                seed=options["seed"],
                until=until,
                append=options["append"],
                language=options["language"],
                report=self._report,
            )
        except Problem as problem:
            raise CommandError(f"{problem.detail} --append adds to one that was seeded before.") from problem
        self.stdout.write(
            "seconds: " + ", ".join(f"{step} {seconds:.1f}" for step, seconds in done.seconds.items())
        )
        if done.email:
            self.stdout.write(f"administrator: {done.email} {done.password}")
        self.stdout.write(f"seeded {options['tenant']} in {done.whole:.0f} s")

    def _report(self, step: str, rows: int, seconds: float) -> None:
        at, last_step = self._last
        if step == last_step and time.perf_counter() - at < _EVERY_SECONDS:
            return
        self._last = time.perf_counter(), step
        self.stdout.write(f"{step}: {rows} ({seconds:.1f} s)")
        self.stdout.flush()
