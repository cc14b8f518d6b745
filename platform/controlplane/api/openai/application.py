"""The data plane: an ASGI application of its own, without the control plane's middleware."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.db import OperationalError
from django.utils import translation
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controlplane.api.openai import endpoints, health
from controlplane.api.openai.errors import error_response
from controlplane.api.openai.gateway import Gateway
from controlplane.api.openai.languages import language_of
from controlplane.api.openai.messages import PATH, Messages
from controlplane.api.openai.streaming import ClientGone
from controlplane.core.changes import ENGINES
from controlplane.core.offload import background_done
from controlplane.core.problems import Problem
from controlplane.serving.entrance import install
from controlplane.serving.fleet import fleet
from controlplane.serving.work import report_work
from inference.catalogue import packaged
from inference.errors import EngineError

PROBES = ("/healthz", "/readyz")
PREFIXES = ("/v1/", *PROBES)


class InTheCallersLanguage:
    """Activates the language of `Accept-Language` for the request's task."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = next(
            (value for name, value in scope.get("headers", ()) if name == b"accept-language"), b""
        )
        with translation.override(language_of(accepted.decode("latin-1"))):
            await self._app(scope, receive, send)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    await asyncio.to_thread(packaged)  # the first answer asks it, and the loop would stand still for that
    changes = application.changes
    changes.hear(channel=ENGINES, changed=fleet().changed, told=fleet().told)
    fleet().is_connected = lambda: changes.connected
    install(application.door)
    await application.door.agree()
    tasks = [asyncio.ensure_future(work) for work in (changes.run(), report_work(), application.door.run())]
    yield
    for task in tasks:
        task.cancel()
    # The door tells the other processes that this one leaves: else its part stays with it for a second.
    await asyncio.gather(*tasks, return_exceptions=True)
    await background_done()


_behind = Starlette(
    routes=[
        Route("/v1/models", endpoints.models),
        Route("/v1/models/{name:path}", endpoints.model),
        Route("/v1/chat/completions", endpoints.chat_completions, methods=["POST"]),
        Route(PATH, Messages(gateway=lambda: application)),
        Route("/healthz", health.live),
        Route("/readyz", health.ready),
    ],
    middleware=[Middleware(InTheCallersLanguage)],
    exception_handlers={
        ClientGone: _gone,
        Problem: error_response,
        EngineError: error_response,
        OperationalError: error_response,
        HTTPException: error_response,
        Exception: error_response,
    },
    lifespan=_lifespan,
)

application: Gateway = Gateway(behind=_behind)
