"""The running settings with shorter waits, so that a recovery takes seconds."""

from controlplane.settings import *  # noqa: F403

INDEX_LEASE_SECONDS = 2.0
INDEX_UNCLAIMED_SECONDS = 2.0
CELERY_BEAT_SCHEDULE = {
    "documents.sweep": {"task": "documents.sweep", "schedule": 1.0, "options": {"expires": 2}},
}
