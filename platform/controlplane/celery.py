"""The Celery application. Queues: `parse` (CPU-bound child processes), `embed` (waits on the embedding service), `default`."""

import ctypes
import os
import signal
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, heartbeat_sent, worker_process_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

app = Celery("karez")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_PR_SET_PDEATHSIG = 1
_STATEMENT_TIMEOUT = "30min"


@celeryd_init.connect
def _take_time(**_: Any) -> None:
    """Nobody waits for a task: removing a library may take longer than the statement that a request may send."""
    os.environ.setdefault("PGOPTIONS", f"-c statement_timeout={_STATEMENT_TIMEOUT}")


@worker_process_init.connect
def _die_with_the_parent(**_: Any) -> None:
    """A pool process whose worker was killed outright must not go on alone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@heartbeat_sent.connect
def _show_life(**_: Any) -> None:
    """For a health check that costs nothing: asking the worker over the broker starts Django each time."""
    if settings.ENV.heartbeat_file:
        settings.ENV.heartbeat_file.touch()
