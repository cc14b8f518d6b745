"""How often a job has waited for a service that was down, apart from the attempts that count against the file."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0005_list_index")]
    operations = [
        # The default in the database too: workers of the former version go on making jobs during an upgrade.
        migrations.AddField(
            model_name="indexjob", name="waits", field=models.PositiveIntegerField(default=0, db_default=0)
        ),
    ]
