"""Settings of the test suite: the running ones, with the owner role so that the test database can be created.

Tests that exercise isolation connect as the application role (`tests/controlplane/conftest.py`).
"""

from controlplane.settings import *  # noqa: F403
from controlplane.settings import STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LANGUAGE_CODE = "en"
# Of each process: what only counts attempts needs no server. Tests of the counting itself ask for a real one.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Straight from where they lie: nothing is collected for a test.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
