"""Levels of secrecy in forms."""

from django.utils.functional import Promise

from controlplane.core.secrecy import Secrecy


def secrecy_choices(*, upto: Secrecy) -> list[tuple[str, str | Promise]]:
    """Slug and name of each level that somebody of that clearance may choose."""
    return [(level.slug, level.label) for level in Secrecy if level <= upto]
