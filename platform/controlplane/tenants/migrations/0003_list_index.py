"""Members are listed newest first."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the tables stay writable while the index is built
    dependencies = [("tenants", "0002_isolation")]
    operations = [
        AddIndexConcurrently(
            "membership", models.Index(fields=["tenant", "-id"], name="tenants_membership_newest")
        ),
    ]
