"""The ledger is searched by who asked, for what, what answered and how it ended."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def by(column: str) -> AddIndexConcurrently:
    index = models.Index(fields=["tenant", column, "-id"], name=f"metering_ledger_{column}")
    return AddIndexConcurrently("ledgerentry", index)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("metering", "0006_ledger_costs")]
    operations = [by(column) for column in ("actor", "model", "deployment", "outcome")]
