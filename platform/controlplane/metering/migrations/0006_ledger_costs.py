"""What a request cost; entries of before have no price."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metering', '0005_ledger_route'),
    ]

    operations = [
        migrations.AddField(
            model_name='ledgerentry',
            name='cost',
            field=models.DecimalField(decimal_places=12, max_digits=24, null=True),
        ),
        migrations.AddField(
            model_name='ledgerentry',
            name='currency',
            field=models.CharField(blank=True, db_default='', default='', max_length=3),
        ),
        migrations.AddField(
            model_name='ledgerentry',
            name='price_rule',
            field=models.CharField(blank=True, db_default='', default='', max_length=250),
        ),
    ]
