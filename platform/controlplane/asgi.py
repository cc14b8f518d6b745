"""The web process: data plane, Django and static files side by side, all below `URL_PREFIX`.

Paths of the one never enter the other's middleware. The probes are answered without the prefix too: whoever runs
the process asks it directly.

Whose request it is and whether it came by HTTPS is believed from the proxies that are named, and from nobody else.
"""

import os

from django.core.asgi import get_asgi_application
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
_django = get_asgi_application()

from django.conf import settings  # noqa: E402 - needs DJANGO_SETTINGS_MODULE

from controlplane.api.openai.application import PREFIXES, PROBES  # noqa: E402 - needs loaded apps
from controlplane.api.openai.application import application as _data_plane  # noqa: E402
from controlplane.core import static_files  # noqa: E402
from controlplane.documents.body_limit import BodyLimit  # noqa: E402

static_files.collect()
_static = static_files.StaticFilesApplication()
# Of the addresses in X-Forwarded-For the last one that is no proxy's: what stands before it anybody may have written. The
# data plane and static files ask for no address.
_control_plane = BodyLimit(
    ProxyHeadersMiddleware(_django, list(settings.TRUSTED_PROXIES))  # type: ignore[arg-type]  # django-stubs asks for a dict
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What the server runs."""
    if scope["type"] == "lifespan":
        await _data_plane(scope, receive, send)
        return
    prefix, path = settings.URL_PREFIX, scope["path"]
    if path.startswith(f"{prefix}/"):
        within = path.removeprefix(prefix)
        await _part(within)({**scope, "root_path": prefix}, receive, send)
    elif path in PROBES:
        await _data_plane(scope, receive, send)
    elif path == prefix:
        await RedirectResponse(f"{prefix}/")(scope, receive, send)
    else:
        await Response(status_code=404)(scope, receive, send)


def _part(path: str) -> ASGIApp:
    if path.startswith(PREFIXES):
        return _data_plane
    return _static if path.startswith(static_files.PATH) else _control_plane  # type: ignore[return-value]
