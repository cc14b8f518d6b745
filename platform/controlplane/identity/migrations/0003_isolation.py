"""Row-level security of people and keys, and the one row that a presented credential opens."""

from django.db import migrations

from controlplane.core.rls import KEY_HASH, LOGIN_EMAIL, OWN_TENANT, PLATFORM, USER, force_rls, same_tenant

# People belong to no tenant; a tenant sees those who are its members (the membership's own policy narrows the sub-select).
FELLOW = "EXISTS (SELECT 1 FROM tenants_membership m WHERE m.user_id = identity_user.id)"
SELF = f"id = {USER} OR {PLATFORM}"
USER_POLICIES = {
    "visible": f"FOR SELECT USING ({SELF} OR email = {LOGIN_EMAIL} OR {FELLOW})",
    "created": f"FOR INSERT WITH CHECK ((email = {LOGIN_EMAIL} AND NOT is_platform_admin) OR {PLATFORM})",
    "changed": f"FOR UPDATE USING ({SELF}) WITH CHECK ({SELF})",
    "removed": f"FOR DELETE USING ({PLATFORM})",
}
# Neither the address nor the platform administrator's mark of somebody can be changed, by whoever's sight.
CHANGEABLE = [
    "REVOKE UPDATE ON identity_user FROM karez_app",
    "GRANT UPDATE (password, last_login, name, is_active) ON identity_user TO karez_app",
]
CHANGEABLE_UNDO = [
    "REVOKE UPDATE (password, last_login, name, is_active) ON identity_user FROM karez_app",
    "GRANT UPDATE ON identity_user TO karez_app",
]
KEY_POLICIES = {
    "tenant_isolation": f"USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})",
    "by_credential": f"FOR SELECT USING (key_hash = {KEY_HASH})",
}


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0002_api_keys"),
        ("tenants", "0002_isolation"),
        ("audit", "0001_initial"),  # it says what to do when the role is missing
    ]
    operations = [
        force_rls("identity_user", USER_POLICIES),
        migrations.RunSQL(CHANGEABLE, CHANGEABLE_UNDO),
        force_rls("identity_apikey", KEY_POLICIES),
        same_tenant("identity_apikey", "department_id", "tenants_department"),
    ]
