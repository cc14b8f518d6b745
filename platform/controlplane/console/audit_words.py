"""The trail in words: what each action means, said of its actor."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.chat.models import MessageStatus
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.models import Role

# What an event may be filtered by; the trail's own search takes the beginning of an action.
GROUPS: tuple[tuple[str, Promise], ...] = (
    ("session.*", _("Sign-ins")),
    ("user.*", _("Accounts")),
    ("membership.*", _("Memberships")),
    ("department.*", _("Departments")),
    ("api_key.*", _("API keys")),
    ("knowledge_base.*", _("Knowledge bases")),
    ("document.*", _("Documents")),
    ("job.*", _("Jobs")),
    ("assistant.*", _("Assistants")),
    ("question.*", _("Questions")),
    ("answer.*", _("Answers")),
    ("conversation.*", _("Conversations")),
    ("feedback.*", _("Feedback")),
    ("search.*", _("Searches")),
    ("audit.*", _("The trail itself")),
    ("tenant.*", _("The organisation")),
    ("price_book.*", _("Price books")),
)

_SENTENCES: dict[str, Promise] = {
    "session.started": _("signed in"),
    "session.ended": _("signed out"),
    "session.refused": _("A sign-in of %(target)s was refused"),
    "user.created": _("made the account %(email)s"),
    "user.deactivated": _("deactivated the account of %(target)s"),
    "user.reactivated": _("activated the account of %(target)s again"),
    "user.renamed": _("changed the name of %(target)s from “%(before)s” to “%(name)s”"),
    "user.password_reset": _("reset the password of %(target)s"),
    "user.password_changed": _("changed the own password"),
    "user.password_refused": _("gave a wrong password when changing it"),
    "membership.created": _("added %(target)s to %(department)s as %(role)s, cleared for %(clearance)s"),
    "membership.changed": _("made %(target)s %(role)s in %(department)s, cleared for %(clearance)s"),
    "membership.removed": _("removed %(target)s from a department"),
    "department.created": _("made the department %(target)s beneath %(parent)s"),
    "department.moved": _("moved the department %(target)s beneath %(parent)s"),
    "department.changed": _("changed the department %(target)s"),
    "department.deleted": _("deleted the department %(slug)s"),
    "department.logo_set": _("set the logo of %(target)s"),
    "department.logo_removed": _("removed the logo of %(target)s"),
    "api_key.created": _("made the API key “%(name)s” for %(department)s"),
    "api_key.revoked": _("revoked the API key “%(name)s”"),
    "knowledge_base.created": _("made the knowledge base %(target)s"),
    "knowledge_base.updated": _("changed the knowledge base %(target)s"),
    "knowledge_base.deleted": _("deleted the knowledge base “%(name)s”"),
    "knowledge_base.reindex_started": _("began to index %(target)s anew with %(model)s"),
    "knowledge_base.reindexed": _("finished indexing %(target)s anew"),
    "document.uploaded": _("uploaded “%(filename)s”, version %(version)s"),
    "document.updated": _("changed the document %(target)s"),
    "document.deleted": _("deleted the document “%(filename)s”"),
    "document.indexed": _("indexed %(target)s: %(passages)s passages"),
    "document.index_failed": _("could not index %(target)s"),
    "job.cancelled": _("cancelled the indexing of a document"),
    "job.cancel_requested": _("asked to cancel the indexing of a document"),
    "job.retried": _("started the indexing of a document again"),
    "assistant.created": _("made the assistant %(slug)s"),
    "assistant.changed": _("changed the assistant %(slug)s"),
    "assistant.deleted": _("deleted the assistant %(slug)s"),
    "assistant.restored": _(
        "restored version %(restored_from)s of the assistant %(slug)s as version %(version)s"
    ),
    "assistant.enabled": _("switched the assistant %(slug)s on"),
    "assistant.disabled": _("switched the assistant %(slug)s off"),
    "assistant.access_changed": _("changed who may ask the assistant %(slug)s"),
    "assistant.tried": _("tried the assistant %(slug)s: %(question)s"),
    "assistant.trial_ended": _("got the answer of a trial: %(status)s"),
    "question.asked": _("asked: %(question)s"),
    "question.asked_again": _("asked again: %(question)s"),
    "feedback.given": _("rated an answer"),
    "feedback.changed": _("rated an answer anew"),
    "feedback.withdrawn": _("took a rating back"),
    "feedback.resolved": _("resolved what was said of an answer"),
    "feedback.reopened": _("opened what was said of an answer again"),
    "document.reindexed": _("had the document %(target)s read again"),
    "document.restored": _("restored an earlier version of %(target)s"),
    "knowledge_base.jobs_retried": _("tried again what had failed in %(target)s"),
    "answer.given": _("got an answer from %(model)s"),
    "answer.answered": _("got an answer from %(model)s"),
    "answer.refused": _("got no answer: the documents do not hold it"),
    "answer.stopped": _("stopped an answer"),
    "answer.failed": _("got no answer: %(reason)s"),
    "answer.rejected": _("was refused an answer: %(reason)s"),
    "answer.interrupted": _("lost an answer when its process ended"),
    "answer.superseded": _("had an answer replaced by another"),
    "conversation.created": _("began a conversation with %(assistant)s"),
    "conversation.renamed": _("renamed a conversation"),
    "conversation.deleted": _("deleted a conversation"),
    "conversation.reviewed": _("opened a conversation of somebody else"),
    "search.asked": _("searched: %(query)s"),
    "audit.exported": _("exported the trail"),
    "usage.exported": _("exported the usage"),
    "ledger.exported": _("exported the requests"),
    "price_book.imported": _("imported version %(version)s of the price book “%(name)s”"),
    "people.exported": _("exported the people"),
    "deployment.created": _("registered the model %(name)s"),
    "deployment.changed": _("changed a registered model"),
    "deployment.removed": _("removed the model %(name)s"),
    "replica.added": _("added the replica %(base_url)s of %(deployment)s"),
    "replica.changed": _("changed the replica %(base_url)s of %(deployment)s"),
    "replica.drained": _("drained the replica %(base_url)s of %(deployment)s"),
    "replica.resumed": _("took the replica %(base_url)s of %(deployment)s back in"),
    "replica.switched_off": _("switched the replica %(base_url)s of %(deployment)s off"),
    "replica.removed": _("removed the replica %(base_url)s of %(deployment)s"),
    "tenant.created": _("founded the organisation %(slug)s"),
    "tenant.suspended": _("suspended the organisation: %(reason)s"),
    "tenant.resumed": _("resumed the organisation"),
    "limits.changed": _("changed limits of use: %(target)s"),
    "tenant.renamed": _("renamed the organisation to “%(name)s”"),
}

_LONGEST = 160


def sentence(*, action: str, data: Mapping[str, Any], target: str) -> str:
    """The action itself for one that has no words yet."""
    words = _SENTENCES.get(action)
    if words is None:
        return f"{action} {target}".strip()
    fields: defaultdict[str, str] = defaultdict(lambda: "–")
    fields |= {name: _said(name, value) for name, value in data.items()}
    # What is gone has no name any more; its events may still tell one.
    fields["target"] = target or fields.get("name") or fields.get("slug") or "–"
    return str(words) % fields


def _said(name: str, value: Any) -> str:
    text = str(value)
    if name == "role" and text in Role.values:
        return str(Role(text).label)
    if name == "clearance" and text in Secrecy.slugs():
        return str(Secrecy.from_slug(text).label)
    if name == "status" and text in MessageStatus.values:
        return str(MessageStatus(text).label)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
