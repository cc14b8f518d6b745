"""What the upload of files needs: where to send them, what is allowed, and what its script (`js/uploads`) says."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from controlplane.console.addresses import api_address
from controlplane.console.secrecy import secrecy_choices
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from rag.parsing import SUPPORTED


def upload_context(*, principal: Principal, base: KnowledgeBase, filename: str = "") -> dict[str, Any]:
    """`filename`: of the document that one file becomes the next version of, whatever it is called where it comes from."""
    cleared = principal.clearances.get(base.department_id, Secrecy.PUBLIC)
    choices = secrecy_choices(upto=cleared)
    return {
        "api": api_address(),
        "limit": settings.MAX_UPLOAD_BYTES,
        "formats": ", ".join(SUPPORTED),
        "secrecies": [choice for choice in choices if Secrecy.from_slug(choice[0]) > base.secrecy],
        "texts": upload_texts(),
        "filename": filename,
    }


def upload_texts() -> dict[str, str]:
    return {
        "waiting": _("Waiting"),
        "sending": _("Sending"),
        "queued": _("Received, waits for indexing"),
        "parsing": _("Being read"),
        "embedding": _("Being indexed"),
        "ready": _("Ready"),
        "readyWith": _("Ready, passages: {passages}"),
        "same": _("Already there, skipped"),
        "sameAs": _("Already there as “{name}”, skipped"),
        "sameFailed": _("The same content is there already, and could not be indexed. See the list below."),
        "version": _("version {number}"),
        "failed": _("Failed"),
        "cancelled": _("Cancelled"),
        "cancel": _("Cancel “{name}”"),
        "retry": _("Try “{name}” again"),
        "tooLarge": _("The file is larger than {limit}. Split it, or ask the operator for a higher limit."),
        "network": _("The platform did not answer. Check the network, then try again."),
        "refused": _("The platform refused the file (status {status})."),
        "gone": _("The document was deleted meanwhile."),
        "expired": _(
            "Your session has ended. Sign in again in another tab, then go on here: nothing is lost."
        ),
        "busy": _("The platform asks for a pause. It goes on by itself in {seconds} s."),
        "leave": _("Files are still being sent. If you leave, those that wait are not uploaded."),
        "summary": _("{done} of {total} files done"),
        "finished": _(
            "Done: {ready} ready, {same} already there, {failed} failed, {cancelled} cancelled, of {total} in all."
        ),
        "nothing": _("There was no file in what you dropped."),
        "unnamed": _("(no name)"),
    }
