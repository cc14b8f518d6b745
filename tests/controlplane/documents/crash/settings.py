"""The running settings with shorter waits, so that a recovery takes seconds."""

from controlplane.settings import *  # noqa: F403

INDEX_LEASE_SECONDS = 2.0
INDEX_UNCLAIMED_SECONDS = 2.0
CELERY_BEAT_SCHEDULE = {
    "documents.sweep": {"task": "documents.sweep", "schedule": 1.0, "options": {"expires": 2}},
}

# As recommended for production: workers keep their connections, so they must notice dead ones.
CELERY_CELERY_DB_REUSE_MAX = 1_000_000
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # noqa: F405
