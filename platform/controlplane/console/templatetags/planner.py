"""What the planner says, in the page's language."""

from decimal import Decimal

from django import template

from controlplane.serving.plan_texts import note_text
from inference.planner import Note

register = template.Library()


@register.filter
def words(note: Note) -> str:
    return note_text(note=note)


@register.filter
def gib(size: int) -> float:
    """Of bytes that are missing as well as of those that are there."""
    return abs(size) / 1024**3


@register.filter
def grouped(value: float) -> str:
    """A whole number with its thousands apart, in every language alike."""
    return f"{value:,.0f}"


@register.filter
def money(value: Decimal) -> str:
    return f"{value:,.2f}"
