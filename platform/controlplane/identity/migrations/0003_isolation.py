"""Row-level security of people and keys, and the one row that a presented credential opens."""

from django.db import migrations

from controlplane.core.rls import KEY_HASH, LOGIN_EMAIL, OWN_TENANT, PLATFORM, USER, force_rls, same_tenant

# People belong to no tenant; a tenant sees those who are its members (the membership's own policy narrows the sub-select).
FELLOW = "EXISTS (SELECT 1 FROM tenants_membership m WHERE m.user_id = identity_user.id)"
PERSON = f"id = {USER} OR email = {LOGIN_EMAIL} OR {PLATFORM}"
USER_POLICIES = {
    "visible": f"FOR SELECT USING ({PERSON} OR {FELLOW})",
    "created": f"FOR INSERT WITH CHECK (email = {LOGIN_EMAIL} OR {PLATFORM})",
    "changed": f"FOR UPDATE USING ({PERSON}) WITH CHECK ({PERSON})",
    "removed": f"FOR DELETE USING ({PLATFORM})",
}
KEY_POLICIES = {
    "tenant_isolation": f"USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})",
    "by_credential": f"FOR SELECT USING (key_hash = {KEY_HASH})",
}


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_api_keys"), ("tenants", "0002_isolation")]
    operations = [
        force_rls("identity_user", USER_POLICIES),
        force_rls("identity_apikey", KEY_POLICIES),
        same_tenant("identity_apikey", "department_id", "tenants_department"),
    ]
