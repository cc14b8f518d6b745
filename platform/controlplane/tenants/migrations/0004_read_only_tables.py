"""What Django keeps for itself the platform may read and not write: only migrations write it, as the owner."""

from django.db import migrations

TABLES = "django_migrations, django_content_type, auth_permission, auth_group, auth_group_permissions"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0003_list_index"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {TABLES} FROM karez_app",
            f"GRANT INSERT, UPDATE, DELETE ON {TABLES} TO karez_app",
        )
    ]
