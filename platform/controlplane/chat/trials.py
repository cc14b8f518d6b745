"""Trying an assistant before it is saved: answered as any question, kept in no conversation, and audited."""

from django.db import transaction

from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import knowledge_base_ids, managed_assistant_get
from controlplane.audit.services import record
from controlplane.chat.questions import Outcome, Question, ReceivedQuestion, Trial
from controlplane.chat.services.questions import bases_to_search
from controlplane.core.models import new_id


@transaction.atomic
def trial_receive(*, question: Question, trial: Trial) -> ReceivedQuestion:
    """Raises NotFound, and Forbidden for an assistant of a department that the principal does not look after."""
    principal = question.principal
    assistant = managed_assistant_get(principal=principal, slug=question.assistant_slug)
    bases = bases_to_search(principal, trial.knowledge_base_ids, knowledge_base_ids(assistant=assistant))
    received = ReceivedQuestion(
        principal=principal,
        text=question.text,
        conversation_id=new_id(),
        question_id=new_id(),
        answer_id=new_id(),
        knowledge_base_ids=tuple(bases),
        knowledge_base_names=tuple(bases.values()),
        route=assistant.route if trial.route is None else trial.route,
        top_k=trial.top_k or assistant.top_k,
        instructions=_instructions(assistant, question, trial),
        turns=question.turns,
        trial=trial,
    )
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="assistant.tried",
        target=f"assistant:{assistant.pk}",
        slug=assistant.slug,
        trial=str(received.question_id),
        knowledge_bases=[str(id_) for id_ in received.knowledge_base_ids],
        model=received.route,
        question=received.text,
    )
    return received


def _instructions(assistant: Assistant, question: Question, trial: Trial) -> str:
    own = assistant.instructions if trial.instructions is None else trial.instructions
    return "\n".join(filter(None, [own, question.instructions]))


@transaction.atomic
def trial_end(*, received: ReceivedQuestion, outcome: Outcome) -> None:
    """The answer shows what documents hold, as any other: the trail says which."""
    principal = received.principal
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="assistant.trial_ended",
        target=f"trial:{received.question_id}",
        status=outcome.status,
        reason=outcome.reason,
        model=outcome.model,
        documents=[str(id_) for id_ in outcome.shown_documents],
        prompt_tokens=outcome.usage.prompt_tokens,
        completion_tokens=outcome.usage.completion_tokens,
    )
