"""Settings of a running installation: the same module from the embedded start to a cluster."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg.conninfo
from botocore.config import Config
from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from controlplane.settings.env import load_env

ENV = load_env()
ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path(__file__).resolve().parents[1]

SECRET_KEY = ENV.secret_key.get_secret_value()
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
BASE_URL = ENV.base_url.rstrip("/")
ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(BASE_URL))
CSRF_TRUSTED_ORIGINS = [ORIGIN]

TRUSTED_PROXIES = ENV.trusted_proxies

# Everything lives below it. For links made outside a request too: in tasks and commands.
URL_PREFIX = ENV.url_prefix
FORCE_SCRIPT_NAME = URL_PREFIX or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = URL_PREFIX or "/"
LOGIN_URL = f"{URL_PREFIX}/sign-in"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = f"{URL_PREFIX}/"
STATIC_URL = f"{URL_PREFIX}/static/"
STATIC_ROOT = ENV.static_dir or ENV.state_dir / "static"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "rest_framework",
    "drf_spectacular",
    "controlplane.core",
    "controlplane.audit",
    "controlplane.tenants",
    "controlplane.identity",
    "controlplane.documents",
    "controlplane.serving",
    "controlplane.assistants",
    "controlplane.chat",
    "controlplane.metering",
    "controlplane.api",
    "controlplane.console",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "controlplane.core.middleware.DatabaseProblems",
    "controlplane.console.security.ConsoleHeaders",
]
ROOT_URLCONF = "controlplane.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
FORM_RENDERER = "controlplane.console.forms.ConsoleRenderer"
CSRF_FAILURE_VIEW = "controlplane.console.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
LANGUAGE_COOKIE_NAME = "karez_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
ASGI_APPLICATION = "controlplane.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["controlplane.identity.backends.EmailBackend"]
PASSWORD_HASHERS = [
    "controlplane.identity.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
# Renewed while it is used (identity.authentication), not with every request: that would be a write each.
SESSION_COOKIE_AGE = ENV.session_idle_seconds
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True


def _database(url: str) -> dict[str, Any]:
    parts: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(url))
    options = {k: v for k, v in parts.items() if k not in ("host", "port", "dbname", "user", "password")}
    if ENV.database_pool:
        # Retrieval picks its plan by tenant size: a cached generic plan would be the wrong one for most.
        options["pool"] = {"min_size": 0, "max_size": ENV.database_pool, "timeout": 15}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "NAME": parts.get("dbname", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        # The tenant is set per transaction, so every request is one.
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 0 if ENV.database_pool else 60,
        # A connection that outlived its server is replaced when it is next taken.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**options, "prepare_threshold": None, "connect_timeout": 5},
    }


DATABASES = {"default": _database(ENV.database_url.get_secret_value())}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENV.cache_url.get_secret_value(),
        "KEY_PREFIX": "karez",
    }
}


def _s3_client() -> Config:
    style = ENV.s3_addressing_style or ("path" if ENV.s3_endpoint_url else "auto")
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": style},
        signature_version="s3v4",
        # Stores that only know the older protocol refuse the checksums that newer clients send unasked.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # A store inside the walls is not behind the proxy to the outside.
        proxies={} if ENV.s3_endpoint_url else None,
    )


def _document_storage() -> dict[str, Any]:
    if not ENV.s3_bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": ENV.files_dir,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": ENV.s3_bucket,
            "endpoint_url": ENV.s3_endpoint_url,
            "region_name": ENV.s3_region,
            "access_key": ENV.s3_access_key.get_secret_value() if ENV.s3_access_key else None,
            "secret_key": ENV.s3_secret_key.get_secret_value() if ENV.s3_secret_key else None,
            "verify": str(ENV.s3_ca_bundle) if ENV.s3_ca_bundle else None,
            # Beyond this a downloaded object goes to a temporary file.
            "max_memory_size": 8 * 1024 * 1024,
            "client_config": _s3_client(),
            "file_overwrite": True,
            "default_acl": None,
        },
    }


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "documents": _document_storage(),
    # Names that carry a hash of the content, so that browsers keep them for good (core.static_files).
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
MAX_UPLOAD_BYTES = ENV.max_upload_bytes
# Uploads beyond this go to a temporary file and never sit in memory whole.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = ["controlplane.documents.uploads.BoundedTemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "controlplane.identity.authentication.ChatTokenAuthentication",
        "controlplane.identity.authentication.ApiKeyAuthentication",
        "controlplane.identity.authentication.PrincipalSessionAuthentication",
    ],
    # Deny by default: a view that names no permission of its own answers 403.
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.identity.permissions.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "controlplane.core.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "controlplane.core.problem_responses.exception_handler",
    "UNAUTHENTICATED_USER": None,
    # `?format=csv` is answered by the views that export, not by a choice among renderers.
    "URL_FORMAT_OVERRIDE": None,
    # Who asks is settled in asgi.py: nothing else reads what a client says of itself.
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Karez",
    "VERSION": "1",
    "SERVERS": [{"url": BASE_URL}],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
}

CELERY_BROKER_URL = ENV.broker_url.get_secret_value()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
# A killed worker loses nothing: what it held is given out again, by the broker or by the sweep.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
# A worker keeps its database connection from task to task (the prefix is doubled: Celery's own name has one).
CELERY_CELERY_DB_REUSE_MAX = 1_000_000
CELERY_BEAT_SCHEDULE = {
    "documents.sweep": {"task": "documents.sweep", "schedule": 10.0, "options": {"expires": 10}},
    "documents.cleanup": {"task": "documents.cleanup", "schedule": 300.0, "options": {"expires": 300}},
    "documents.cleanup_files": {"task": "documents.cleanup_files", "schedule": crontab(minute=7, hour="*/6")},
    "metering.roll_up": {"task": "metering.roll_up", "schedule": 300.0, "options": {"expires": 300}},
    "identity.purge_idempotency": {"task": "identity.purge_idempotency", "schedule": crontab(minute=17)},
    "identity.clear_sessions": {"task": "identity.clear_sessions", "schedule": crontab(minute=41, hour=19)},
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {"httpx": {"level": "WARNING"}, "pdfminer": {"level": "ERROR"}},
}
