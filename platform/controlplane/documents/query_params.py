"""Numbers in query strings."""

from datetime import datetime

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from controlplane.core.problems import InvalidInput

# What PostgreSQL's bigint holds; nothing that is counted here comes near it.
_MOST = 2**63


def whole_number(request: Request, name: str, *, least: int = 1) -> int:
    """The parameter, which must be there. Raises InvalidInput."""
    raw = request.query_params[name]
    if not (raw.isascii() and raw.isdigit() and len(raw) < 20 and least <= int(raw) < _MOST):
        raise InvalidInput(
            code="invalid_field",
            field=name,
            detail=_("This must be a whole number, counted from %(least)s.") % {"least": least},
        )
    return int(raw)


def moment(request: Request, name: str) -> datetime | None:
    """ISO 8601; without a zone, that of the platform. Raises InvalidInput."""
    return moment_in(request.query_params, name)


def moment_in(query: QueryDict, name: str) -> datetime | None:
    raw = query.get(name, "")
    if not raw:
        return None
    try:
        # A plus that nobody escaped has become a space.
        found = parse_datetime(raw.replace(" ", "+") if raw.count(" ") == 1 and "T" in raw else raw)
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(
            code="invalid_field",
            field=name,
            detail=_("This is not a moment in time, such as 2026-01-31T08:00:00Z."),
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found)
