"""Who may ask an assistant besides the readers of its own department. It opens no documents to anybody."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant, AssistantAccess
from controlplane.assistants.selectors import access_list
from controlplane.audit.services import record
from controlplane.core.problems import InvalidInput
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Membership
from controlplane.tenants.selectors import department_list

MOST_GRANTS = 200


@transaction.atomic
def access_set(
    *, principal: Principal, assistant: Assistant, departments: Sequence[str], people: Sequence[str]
) -> list[AssistantAccess]:
    """The departments (by slug or id) and people (by e-mail address or id) who may ask it from now on, and nobody else
    besides its own department. Raises Forbidden, and InvalidInput for one that the organisation does not have."""
    principal.require_write(assistant.department_id)
    # The row's lock: of two changes at once the second replaces the first as a whole.
    held = Assistant.objects.select_for_update(of=("self",)).get(tenant_id=principal.tenant, pk=assistant.pk)
    wanted_departments = _departments(principal.tenant, departments) - {held.department_id}
    wanted_people = _people(principal.tenant, people)
    present = {(row.department_id, row.user_id): row for row in access_list(assistant=held)}
    wanted = [*((id_, None) for id_ in wanted_departments), *((None, id_) for id_ in wanted_people)]
    _check_number(len(wanted))
    removed = [pair for pair in present if pair not in wanted]
    added = [pair for pair in wanted if pair not in present]
    AssistantAccess.objects.filter(
        tenant_id=principal.tenant, pk__in=[present[pair].pk for pair in removed]
    ).delete()
    AssistantAccess.objects.bulk_create(
        AssistantAccess(
            tenant_id=principal.tenant,
            assistant=held,
            owning_department_id=held.department_id,
            department_id=department_id,
            user_id=user_id,
        )
        for department_id, user_id in added
    )
    if added or removed:
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action="assistant.access_changed",
            target=f"assistant:{held.pk}",
            slug=held.slug,
            added=[_named(pair) for pair in added],
            removed=[_named(pair) for pair in removed],
        )
    return list(access_list(assistant=held))


def _named(pair: tuple[UUID | None, UUID | None]) -> str:
    department_id, user_id = pair
    return f"department:{department_id}" if department_id else f"user:{user_id}"


def _departments(tenant_id: UUID, keys: Sequence[str]) -> set[UUID]:
    known = {name: id_ for id_, slug in department_list(tenant_id=tenant_id).values_list("id", "slug")
             for name in (slug, str(id_))}  # fmt: skip
    if unknown := [key for key in keys if key not in known]:
        raise InvalidInput(
            code="unknown_department",
            field="departments",
            detail=_("There is no department “%s”.") % unknown[0],
            remedy=_("Choose one of your organisation's departments."),
        )
    return {known[key] for key in keys}


def _people(tenant_id: UUID, keys: Sequence[str]) -> set[UUID]:
    rows = Membership.objects.filter(tenant_id=tenant_id).values_list("user_id", "user__email")
    known = {name: id_ for id_, email in rows for name in (email.lower(), str(id_))}
    if unknown := [key for key in keys if key.strip().lower() not in known]:
        raise InvalidInput(
            code="unknown_person",
            field="people",
            detail=_("“%s” is nobody of your organisation.") % unknown[0],
            remedy=_("Give the e-mail address of somebody who is a member."),
        )
    return {known[key.strip().lower()] for key in keys}


def _check_number(count: int) -> None:
    if count > MOST_GRANTS:
        raise InvalidInput(
            code="too_many_grants",
            field="people",
            detail=_("An assistant can be opened to at most %s departments and people.") % MOST_GRANTS,
            remedy=_("Name departments instead of people."),
        )
