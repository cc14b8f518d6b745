"""What askers think of the answers they got, and what the managers of the department make of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.chat.models import Feedback, FeedbackResolution, FeedbackStatus, Message, MessageRole
from controlplane.chat.selectors import feedback_get
from controlplane.core.problems import not_found
from controlplane.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Verdict:
    rating: str
    reasons: Sequence[str] = ()
    comment: str = ""


@transaction.atomic
def feedback_give(*, principal: Principal, answer_id: UUID, verdict: Verdict) -> Feedback:
    """The asker's, on an answer of their own; giving it again changes it, and giving the same again does nothing.

    Raises NotFound for an answer that is not the asker's, or that another one took the place of.
    """
    answer = _own_answer(principal, answer_id)
    content = {
        "rating": verdict.rating,
        "reasons": list(dict.fromkeys(verdict.reasons)),
        "comment": verdict.comment.replace("\x00", ""),
    }
    own = {"tenant_id": principal.tenant, "message": answer, "actor": principal.actor}
    given = {**content, "updated_at": timezone.now()}
    feedback, created = Feedback.objects.select_for_update().get_or_create(
        **own,
        defaults={
            **given,
            "conversation_id": answer.conversation_id,
            "department_id": answer.conversation.department_id,
        },
    )
    if not created and all(getattr(feedback, name) == value for name, value in content.items()):
        return feedback
    if not created:
        for name, value in given.items():
            setattr(feedback, name, value)
        feedback.save(update_fields=list(given))
    _record(principal, feedback, "feedback.given" if created else "feedback.changed")
    return feedback


@transaction.atomic
def feedback_withdraw(*, principal: Principal, answer_id: UUID) -> None:
    """No error where none was given. Raises NotFound as `feedback_give`."""
    answer = _own_answer(principal, answer_id)
    own = Feedback.objects.filter(tenant_id=principal.tenant, message=answer, actor=principal.actor)
    feedback = own.select_for_update().first()
    if feedback is None:
        return
    own.delete()
    _record(principal, feedback, "feedback.withdrawn")


@transaction.atomic
def feedback_decide(
    *, principal: Principal, feedback_id: UUID, status: FeedbackStatus, note: str | None = None
) -> Feedback:
    """Resolve or reopen it, with a note; None keeps the note there is. Raises NotFound for another department's."""
    feedback = feedback_get(principal=principal, feedback_id=feedback_id)
    decision: dict[str, Any] = {
        "status": status,
        "decided_by": principal.actor,
        "decided_at": timezone.now(),
        "department_id": feedback.department_id,
    }
    if note is not None:
        decision["note"] = note.replace("\x00", "")
    FeedbackResolution.objects.update_or_create(
        tenant_id=principal.tenant,
        feedback=feedback,
        defaults=decision,
    )
    resolved = status == FeedbackStatus.RESOLVED
    _record(principal, feedback, "feedback.resolved" if resolved else "feedback.reopened", note=note or "")
    return feedback_get(principal=principal, feedback_id=feedback_id)


def _own_answer(principal: Principal, answer_id: UUID) -> Message:
    answer = (
        Message.objects.filter(
            tenant_id=principal.tenant,
            pk=answer_id,
            role=MessageRole.ANSWER,
            superseded_at=None,
            conversation__actor=principal.actor,
        )
        .select_related("conversation")
        .first()
    )
    if answer is None:
        raise not_found(kind=_("answer"), id=answer_id)
    return answer


def _record(principal: Principal, feedback: Feedback, action: str, **data: object) -> None:
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action=action,
        target=f"message:{feedback.message_id}",
        feedback=str(feedback.pk),
        rating=feedback.rating,
        reasons=feedback.reasons,
        **data,
    )
