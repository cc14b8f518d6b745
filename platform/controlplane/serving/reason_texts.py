"""Why a replica is in its state, in words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import sentences
from inference.fleet import Reason

REASONS: Mapping[str, Promise] = {
    "not_watched": _("Nobody watches it at the moment."),
    "not_probed_yet": _("It has not been asked yet."),
    "resumed": _("It was taken back in and has to answer first."),
    "draining": _("It finishes what it has and gets nothing new."),
    "switched_off": _("It is switched off and not asked."),
    "busy": _("It takes no more requests just now."),
    "slow": _("It works, and was too busy to answer in time."),
    "requests_waiting": _("Requests wait in its queue."),
    "kv_cache_full": _("Its KV cache is nearly full."),
    "at_capacity": _("It works on as many requests as it may."),
    "unreachable": _("It does not answer."),
    "no_answer_in_time": _("It took a request and did not answer in time."),
    "model_not_served": _("Its server does not know the model."),
    "key_refused": _("Its server refuses the key."),
    "key_unreadable": _("Its key cannot be read: KAREZ_SECRET_KEY has changed. Enter the key again."),
}
# Where the words that came with a reason help whoever looks.
_WITH_WORDS = ("unreachable", "model_not_served", "key_refused")


def reason_text(*, reason: Reason) -> str:
    """In the active language, with the engine's own words where they help; empty for no reason."""
    if not reason.code:
        return ""
    text = str(REASONS.get(reason.code, reason.code))
    return sentences(text, reason.words) if reason.code in _WITH_WORDS else text
