import controlplane.core.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metering', '0007_ledger_search_indexes'),
        ('tenants', '0007_suspension'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsageLimit',
            fields=[
                ('id', models.UUIDField(default=controlplane.core.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('requests_per_minute', models.PositiveIntegerField(null=True)),
                ('tokens_per_minute', models.PositiveIntegerField(null=True)),
                ('concurrency', models.PositiveIntegerField(null=True)),
                ('weight', models.PositiveSmallIntegerField(default=10)),
                ('batch_allowed', models.BooleanField(default=True)),
                ('department', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.department')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'department'), name='metering_limit_once', nulls_distinct=False)],
            },
        ),
    ]
