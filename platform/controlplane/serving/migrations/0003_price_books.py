"""Prices of the whole platform: read by everybody, added by the platform's administrators, changed by nobody."""

from django.db import migrations, models

import controlplane.core.models
from controlplane.core.rls import PLATFORM, force_rls

TABLE = "serving_pricebook"
POLICIES = {
    "everybody_reads": "FOR SELECT USING (true)",
    "platform_adds": f"FOR INSERT WITH CHECK ({PLATFORM})",
}


class Migration(migrations.Migration):

    dependencies = [("serving", "0002_platform_alone")]

    operations = [
        migrations.CreateModel(
            name='PriceBook',
            fields=[
                ('id', models.UUIDField(default=controlplane.core.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.CharField(max_length=64)),
                ('book', models.CharField(max_length=64)),
                ('version', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=100)),
                ('currency', models.CharField(max_length=3)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(null=True)),
                ('content', models.TextField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('book', 'version'), name='serving_price_book_version')],
            },
        ),
        force_rls(TABLE, POLICIES),
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE ON {TABLE} FROM karez_app", f"GRANT UPDATE, DELETE ON {TABLE} TO karez_app"
        ),
    ]
