"""The ASGI application of the chat process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from frontend.chat.calls import StreamedCalls
from frontend.chat.client import Platform
from frontend.chat.document import PAGE, Document
from frontend.chat.gate import SESSION_COOKIE, Gate
from frontend.chat.handlers import Handlers
from frontend.chat.layout import build
from frontend.chat.running import RunningAnswers
from frontend.chat.session import Sessions
from frontend.chat.settings import Settings

TITLE = "Karez"
_FOREVER = "public, max-age=31536000, immutable"


class _Lasting(StaticFiles):
    """Files whose address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = _FOREVER
        return response


def make_application(settings: Settings) -> ASGIApp:
    platform = Platform(control_url=settings.control_url)
    sessions = Sessions(platform=platform)
    answers = RunningAnswers(platform=platform)
    handlers = Handlers(platform=platform, sessions=sessions, answers=answers)
    document = Document(path=settings.path, prefix=settings.prefix)
    blocks = build(handlers=handlers, title=TITLE)
    calls = StreamedCalls(blocks=blocks)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await answers.close()
        await platform.close()

    async def user(request: Request) -> str | None:
        """Gradio's own check, behind the gate's."""
        session = await sessions.find(request.cookies.get(SESSION_COOKIE))
        return session.grant.user_id if session else None

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.mount(f"{settings.path}/page/{document.version}", _Lasting(directory=PAGE))
    gr.mount_gradio_app(
        app,
        blocks,
        path=settings.path,
        auth_dependency=user,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        show_error=False,
        max_file_size=1,
        pwa=False,
    )
    return Gate(
        app, path=settings.path, prefix=settings.prefix, sessions=sessions, document=document, calls=calls
    )
