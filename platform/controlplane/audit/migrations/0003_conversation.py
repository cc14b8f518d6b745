"""The conversation that an event is about as a column: row-level security lets no index help with an expression.

The table is written anew, which takes a few seconds for each million events; events wait meanwhile.
"""

from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain_order")]
    operations = [
        migrations.AddField(
            "auditevent",
            "conversation",
            models.GeneratedField(
                db_persist=True,
                expression=KeyTextTransform("conversation", "data"),
                output_field=models.TextField(null=True),
            ),
        ),
    ]
