"""The map of the console: what the sidebar and the command palette list."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.console.needs import Need
from controlplane.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Section:
    """A page of the sidebar. `key` marks it as current; pages beneath it name the same key."""

    key: str
    title: Promise
    icon: str
    need: Need

    @property
    def url(self) -> str:
        return reverse(f"console:{self.key}")


@dataclass(frozen=True, slots=True)
class Group:
    title: Promise | str
    sections: Sequence[Section] = field(default_factory=tuple)


GROUPS: tuple[Group, ...] = (
    Group(
        "",
        (
            Section("overview", _("Overview"), "gauge", Need.MANAGER),
            Section("usage", _("Usage"), "chart-column", Need.MANAGER),
            Section("requests", _("Requests"), "activity", Need.ADMIN),
            Section("limits", _("Limits"), "zap", Need.TENANT_ADMIN),
        ),
    ),
    Group(
        _("Knowledge"),
        (
            Section("knowledge", _("Knowledge bases"), "library", Need.MANAGER),
            Section("jobs", _("Indexing jobs"), "list-checks", Need.MANAGER),
            Section("hit-testing", _("Hit testing"), "target", Need.MANAGER),
        ),
    ),
    Group(
        _("Assistants"),
        (
            Section("assistants", _("Assistants"), "bot", Need.MANAGER),
            Section("conversations", _("Conversations"), "messages-square", Need.MANAGER),
            Section("feedback", _("Feedback"), "thumbs-down", Need.MANAGER),
        ),
    ),
    Group(
        _("Organisation"),
        (
            Section("people", _("People"), "users", Need.ADMIN),
            Section("departments", _("Departments"), "network", Need.ADMIN),
            Section("api-keys", _("API keys"), "key-round", Need.ADMIN),
            Section("audit", _("Audit"), "scroll-text", Need.TENANT_ADMIN),
        ),
    ),
    Group(
        _("System"),
        (
            Section("models", _("Models"), "cpu", Need.MANAGER),
            Section("fleet", _("Engines"), "server", Need.PLATFORM_ADMIN),
            Section("planner", _("Capacity planner"), "layers", Need.SOME_ADMIN),
            Section("tenants", _("Organisations"), "building-2", Need.PLATFORM_ADMIN),
            Section("platform-audit", _("Audit of the platform"), "shield-check", Need.PLATFORM_ADMIN),
        ),
    ),
)


def groups_for(*, principal: Principal) -> list[Group]:
    """Those with at least one page that the principal may open, reduced to these."""
    reduced = [
        Group(group.title, tuple(s for s in group.sections if s.need.is_met_by(principal)))
        for group in GROUPS
    ]
    return [group for group in reduced if group.sections]
