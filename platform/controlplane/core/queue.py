"""Work that outlives a request: sent by name, after the transaction that asked for it has committed.

The row that the work is about is already in the database and says that it is due, so a message that cannot be sent is not
lost: the sweep (`documents.tasks.sweep`) sends it again.
"""

import logging
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

QUEUES = {"documents.parse": "parse", "documents.embed": "embed"}
DEFAULT_QUEUE = "default"


def enqueue(name: str, **kwargs: Any) -> None:
    """Send the task `name` once the surrounding transaction commits. Arguments must be JSON: ids as text."""
    transaction.on_commit(lambda: _send(name, kwargs))


def _send(name: str, kwargs: dict[str, Any]) -> None:
    from controlplane.celery import app  # the Celery app needs loaded settings

    try:
        app.send_task(name, kwargs=kwargs, queue=QUEUES.get(name, DEFAULT_QUEUE))
    except OperationalError:
        log.warning("the broker does not answer: %s is left to the sweep", name)
