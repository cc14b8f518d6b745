"""How the parts are put together: what is scheduled exists, what guards is in place, what a worker may take its time for."""

import importlib
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth.hashers import get_hasher
from django.core.management import call_command
from pydantic import ValidationError

from controlplane import celery
from controlplane.documents.body_limit import BodyLimit
from controlplane.identity.hashers import Argon2
from controlplane.settings.env import load_env
from tests.conftest import ROOT


def test_every_scheduled_task_is_registered() -> None:
    celery.app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"identity.purge_idempotency", "identity.clear_sessions", "documents.sweep"} <= scheduled
    assert scheduled - set(celery.app.tasks) == set()


def test_the_web_process_bounds_bodies_before_django_reads_them() -> None:
    asgi = importlib.import_module("controlplane.asgi")
    assert isinstance(asgi._control_plane, BodyLimit)


def test_only_our_own_address_may_send_forms_from_elsewhere() -> None:
    assert settings.CSRF_TRUSTED_ORIGINS == [settings.BASE_URL]


def test_models_and_migrations_agree(db: None) -> None:
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert out.getvalue() == "No changes detected\n"


def test_a_worker_may_send_longer_statements_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "")  # so that it is put back as it was
    monkeypatch.delenv("PGOPTIONS")
    celery._take_time()
    assert os.environ["PGOPTIONS"] == "-c statement_timeout=30min"


def test_no_proxy_is_trusted_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAREZ_TRUSTED_PROXIES", raising=False)
    assert load_env().trusted_proxies == ()
    monkeypatch.setenv("KAREZ_TRUSTED_PROXIES", "10.0.0.9, 10.1.0.0/24 fd00::1")
    assert load_env().trusted_proxies == ("10.0.0.9/32", "10.1.0.0/24", "fd00::1/128")
    for wrong in ("2", "*", "10.1.0.9/24", "proxy"):
        monkeypatch.setenv("KAREZ_TRUSTED_PROXIES", wrong)
        with pytest.raises(ValidationError, match="holds addresses and networks"):
            load_env()


def test_passwords_are_hashed_slowly_but_in_tests() -> None:
    show = "from controlplane import settings as s; print(s.PASSWORD_HASHERS[0])"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "platform")}
    done = subprocess.run(
        [sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [f"{Argon2.__module__}.{Argon2.__name__}"]
    assert get_hasher("default").algorithm == "md5"  # of the tests: hashing slowly is not what they test


def test_an_empty_variable_is_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files pass on what nobody has set; what must be there is missing then."""
    for name in ("KAREZ_S3_ENDPOINT_URL", "KAREZ_S3_ADDRESSING_STYLE", "KAREZ_PAGE_SECONDS"):
        monkeypatch.setenv(name, "")
    env = load_env()
    assert (env.s3_endpoint_url, env.s3_addressing_style, env.page_seconds) == (None, None, 20)
    monkeypatch.setenv("KAREZ_SECRET_KEY", "")
    with pytest.raises(ValidationError, match="secret_key"):
        load_env()


def test_a_short_secret_key_is_an_error_that_says_what_to_do() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "platform"), "KAREZ_SECRET_KEY": "x" * 31}
    done = subprocess.run(
        [sys.executable, "-c", "import controlplane.settings"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "KAREZ_SECRET_KEY needs at least 32 characters; make one with" in done.stderr
    assert "x" * 31 not in done.stderr


def test_idle_sessions_end() -> None:
    assert settings.SESSION_COOKIE_AGE == 12 * 3600
    assert settings.SESSION_SAVE_EVERY_REQUEST is False
