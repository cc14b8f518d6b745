"""Row-level security of the tenancy tables."""

from django.db import migrations

from controlplane.core.rls import (
    ADMINISTERS,
    OWN_TENANT,
    PLATFORM,
    TENANT,
    UNRESTRICTED,
    USER,
    force_rls,
    isolate,
    same_tenant,
)

# A person sees their own memberships in every tenant: signing in starts from them. Only who administers changes any.
ADMINISTERED = f"{OWN_TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED})"
MEMBERSHIP = {
    "visible": f"FOR SELECT USING ({OWN_TENANT} OR user_id = {USER})",
    "created": f"FOR INSERT WITH CHECK ({ADMINISTERED})",
    "changed": f"FOR UPDATE USING ({ADMINISTERED}) WITH CHECK ({ADMINISTERED})",
    "removed": f"FOR DELETE USING ({ADMINISTERED})",
}
MINE = f"EXISTS (SELECT 1 FROM tenants_membership m WHERE m.tenant_id = tenants_tenant.id AND m.user_id = {USER})"
TENANT_POLICIES = {
    "own_tenant": f"FOR SELECT USING (id = {TENANT} OR {PLATFORM} OR {MINE})",
    "platform_creates": f"FOR INSERT WITH CHECK ({PLATFORM})",
    "platform_or_own_changes": f"FOR UPDATE USING (id = {TENANT} OR {PLATFORM}) WITH CHECK (id = {TENANT} OR {PLATFORM})",
}


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_tenants")]
    operations = [
        force_rls("tenants_tenant", TENANT_POLICIES),
        isolate("tenants_department"),
        force_rls("tenants_membership", MEMBERSHIP),
        same_tenant("tenants_department", "parent_id", "tenants_department", on_delete="RESTRICT"),
        same_tenant("tenants_membership", "department_id", "tenants_department"),
    ]
