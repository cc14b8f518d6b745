"""The web process: the data plane and Django side by side. Paths of the one never enter the other's middleware."""

import os

from django.core.asgi import get_asgi_application
from starlette.types import Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
_django = get_asgi_application()

from controlplane.api.openai.application import PREFIXES  # noqa: E402 - needs loaded apps
from controlplane.api.openai.application import application as _data_plane  # noqa: E402
from controlplane.documents.body_limit import BodyLimit  # noqa: E402

_control_plane = BodyLimit(_django)  # type: ignore[arg-type]  # django-stubs asks for a dict


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan" or scope["path"].startswith(PREFIXES):
        await _data_plane(scope, receive, send)
    else:
        await _control_plane(scope, receive, send)  # type: ignore[arg-type]  # django-stubs asks for a dict
