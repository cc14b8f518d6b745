"""How requests end, in words, each with the look of its badge."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OUTCOMES: Mapping[str, tuple[str, Promise]] = {
    "given": ("badge--good", _("answered")),
    "rejected": ("badge--warn", _("rejected")),
    "failed": ("badge--bad", _("failed")),
    "stopped": ("", _("stopped")),
    "interrupted": ("badge--bad", _("interrupted")),
}
OUTCOME_CHOICES = tuple((outcome, words) for outcome, (_look, words) in OUTCOMES.items())
