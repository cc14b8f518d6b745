"""Whom a shared key asks for. The default is the database's, so that the previous version goes on writing beside this one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_isolation")]
    operations = [
        migrations.AddField(
            model_name="conversation",
            name="user",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
    ]
