"""Addresses beyond the console, and where somebody belongs who asked for no page in particular."""

from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from controlplane.console.needs import uses_console
from controlplane.identity.principal import Principal


def chat_address() -> str:
    return urlsplit(settings.BASE_URL).path.rstrip("/") + "/chat/"


def api_address() -> str:
    """Where the browser finds the platform API, without a slash at its end."""
    return urlsplit(settings.BASE_URL).path.rstrip("/") + "/api/v1"


def model_address() -> str:
    """Where the browser finds the OpenAI API."""
    return urlsplit(settings.BASE_URL).path.rstrip("/") + "/v1"


def home_of(*, principal: Principal) -> str:
    """The console too where the organisation is suspended: it says so."""
    in_console = uses_console(principal) or principal.suspension is not None
    return reverse("console:overview") if in_console else chat_address()


def logo_address(*, slug: str, version: str) -> str:
    """Where the API serves the logo that a department shows; `version` changes with the picture."""
    return f"{urlsplit(settings.BASE_URL).path.rstrip('/')}/api/v1/departments/{slug}/logo?v={version[:12]}"
