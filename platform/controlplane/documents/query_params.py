"""Numbers in query strings."""

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
