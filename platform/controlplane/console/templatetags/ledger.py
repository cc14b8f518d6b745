"""Tags of the pages that tell of single requests and of money."""

from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlplane.console.ledger_words import OUTCOMES

register = template.Library()

_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€"}


@register.simple_tag
def request_outcome(outcome: str) -> SafeString | str:
    if outcome not in OUTCOMES:
        return outcome
    look, words = OUTCOMES[outcome]
    return format_html('<span class="badge {}">{}</span>', look, words)


@register.simple_tag
def cost(amount: Decimal | None, currency: str) -> str:
    """`¥ 0.0076`: four digits of what is small, two places of what is not; `–` where there is no price."""
    if amount is None:
        return "–"
    sign = _SIGNS.get(currency, currency)
    if amount == 0:
        return f"{sign} 0".strip()
    digits = f"{amount:,.2f}" if amount >= 1 else _short(amount)
    return f"{sign} {digits}".strip()


def _short(amount: Decimal) -> str:
    places = min(12, 3 - amount.adjusted())
    return f"{amount:.{places}f}".rstrip("0").rstrip(".")
