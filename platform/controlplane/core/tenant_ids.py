"""The tenants there are, for work that walks over all of them from an app below `tenants`."""

from uuid import UUID

from django.apps import apps


def tenant_ids(*, slug: str = "", working: bool = False) -> dict[str, UUID]:
    """`{slug: id}`, in order of slug; `working`: without those that are suspended. Needs the platform's scope."""
    tenants = apps.get_model("tenants", "Tenant").objects.order_by("slug")
    if slug:
        tenants = tenants.filter(slug=slug)
    if working:
        tenants = tenants.filter(suspended_at=None)
    return dict(tenants.values_list("slug", "id"))
