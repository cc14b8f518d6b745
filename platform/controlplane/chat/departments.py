"""The conversations of a department that goes."""

from uuid import UUID

from django.db import transaction

from controlplane.chat.models import Conversation, Feedback, FeedbackResolution
from controlplane.core.scope import tenant_scope


@transaction.atomic
def conversations_move(*, tenant_id: UUID, department_id: UUID, to_id: UUID) -> None:
    """With what was said of their answers. For the department above, whose managers read them already."""
    with tenant_scope(tenant_id):
        for model in (Conversation, Feedback, FeedbackResolution):
            rows = model._default_manager.filter(tenant_id=tenant_id, department_id=department_id)
            rows.update(department_id=to_id)
