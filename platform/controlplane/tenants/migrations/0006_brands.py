"""How a department's assistants present themselves."""

import django.db.models.deletion
from django.db import migrations, models

import controlplane.core.models
from controlplane.core.rls import ADMINISTERS, OWN_TENANT, UNRESTRICTED, force_rls, same_tenant

TABLE = "tenants_departmentlogo"
ADMINISTERED = f"{OWN_TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED})"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_administered")]
    operations = [
        migrations.AddField(
            model_name="department",
            name="brand_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="department",
            name="brand_color",
            field=models.CharField(blank=True, db_default="", default="", max_length=7),
        ),
        migrations.CreateModel(
            name="DepartmentLogo",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.core.models.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("png", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "department",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="logo",
                        to="tenants.department",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        force_rls(
            TABLE,
            {
                "visible": f"FOR SELECT USING ({OWN_TENANT})",
                "created": f"FOR INSERT WITH CHECK ({ADMINISTERED})",
                "changed": f"FOR UPDATE USING ({ADMINISTERED}) WITH CHECK ({ADMINISTERED})",
                "removed": f"FOR DELETE USING ({ADMINISTERED})",
            },
        ),
        same_tenant(TABLE, "department_id", "tenants_department"),
    ]
