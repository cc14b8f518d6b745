"""Keys are listed newest first; answers kept for repetitions are forgotten oldest first."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the tables stay writable while the indexes are built
    dependencies = [("identity", "0004_idempotency")]
    operations = [
        AddIndexConcurrently(
            "apikey", models.Index(fields=["tenant", "-id"], name="identity_apikey_newest")
        ),
        AddIndexConcurrently(
            "idempotencyrecord", models.Index(fields=["tenant", "created_at"], name="identity_idempotency_age")
        ),
    ]
