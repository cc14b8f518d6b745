"""Which model was chosen for a request that left it open, and why. Entries of before have neither."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_ledger_isolation")]

    operations = [
        migrations.AddField(
            model_name="ledgerentry",
            name="route",
            field=models.CharField(blank=True, default="", max_length=32),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="route_reason",
            field=models.CharField(blank=True, default="", max_length=32),
            preserve_default=False,
        ),
    ]
