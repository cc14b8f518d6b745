"""Secrecy of documents and clearance of people, on one scale."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Secrecy(models.IntegerChoices):
    """A reader sees what is at or below the clearance. The API speaks of levels by `slug`."""

    PUBLIC = 0, _("public")
    INTERNAL = 1, _("internal")
    CONFIDENTIAL = 2, _("confidential")
    SECRET = 3, _("secret")

    @property
    def slug(self) -> str:
        return self.name.lower()

    @classmethod
    def from_slug(cls, slug: str) -> "Secrecy":
        """Raise KeyError for a slug that is not a level."""
        return cls[slug.upper()]

    @classmethod
    def slugs(cls) -> list[str]:
        return [level.slug for level in cls]
