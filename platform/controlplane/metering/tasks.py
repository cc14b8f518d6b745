"""Celery's side of the roll-up."""

from typing import Any

from celery import shared_task

from controlplane.documents.services.sweeping import each_tenant
from controlplane.metering.services import usage_roll_up


@shared_task(name="metering.roll_up")
def roll_up(**_: Any) -> None:
    """Every few minutes: hours that closed, and older ones in which something changed."""
    each_tenant(usage_roll_up, suspended=True)  # what was used before is still to be counted
