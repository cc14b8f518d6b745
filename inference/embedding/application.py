"""The ASGI application around one encoder."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.embedding.encoders import Encoder
from inference.embedding.protocol import Vectors
from inference.embedding.requests import EmbeddingRequest, RefusedRequestError, RequestLimits, read_request
from inference.embedding.scheduler import EmbeddingScheduler, QueueFullError

_RETRY_AFTER_SECONDS = 2
_DISCONNECT_POLL_SECONDS = 0.5


def build_application(*, encoder: Encoder, api_key: str, limits: RequestLimits | None = None) -> Starlette:
    """``/v1/embeddings`` and ``/v1/models`` behind the key; ``/health`` is open."""
    chosen = limits or RequestLimits()
    handlers = _Handlers(
        scheduler=EmbeddingScheduler(encoder=encoder, waiting_texts=chosen.waiting_texts),
        api_key=api_key,
        limits=chosen,
    )
    return Starlette(
        routes=[
            Route("/health", handlers.health),
            Route("/v1/models", handlers.models),
            Route("/v1/embeddings", handlers.embeddings, methods=["POST"]),
        ],
        exception_handlers={RefusedRequestError: _refused, QueueFullError: _busy},
        lifespan=handlers.lifespan,
    )


class _Handlers:
    def __init__(self, *, scheduler: EmbeddingScheduler, api_key: str, limits: RequestLimits) -> None:
        self._scheduler = scheduler
        self._authorization = f"Bearer {api_key}".encode()
        self._limits = limits

    @asynccontextmanager
    async def lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        """The scheduler runs exactly as long as the server accepts requests."""
        task = asyncio.create_task(self._scheduler.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", **self._description()})

    async def models(self, request: Request) -> Response:
        self._authorize(request)
        name = self._scheduler.encoder.model.name
        row = {"object": "model", "created": 0, "owned_by": "karez", "karez": self._description()}
        names = (name, f"{name}-query", f"{name}-passage")
        return JSONResponse({"object": "list", "data": [{"id": each, **row} for each in names]})

    async def embeddings(self, request: Request) -> Response:
        self._authorize(request)
        body = await self._body(request)
        wanted = read_request(body=body, model=self._scheduler.encoder.model, limits=self._limits)
        vectors = await self._embed_unless_gone(request, wanted)
        if vectors is None:
            return Response(status_code=499)
        return JSONResponse(_answer(wanted, vectors))

    def _description(self) -> Mapping[str, Any]:
        model = self._scheduler.encoder.model
        return {
            "model": model.name,
            "version": model.version,
            "dimension": model.dimension,
            "normalised": model.normalised,
            "max_tokens": model.max_tokens,
        }

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise RefusedRequestError("the API key is missing or wrong", status=401)

    async def _body(self, request: Request) -> bytes:
        """Counted while it arrives: the length a client declares is not to be trusted."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._limits.body_bytes:
                raise RefusedRequestError(f"more than {self._limits.body_bytes} bytes", status=413)
        return bytes(body)

    async def _embed_unless_gone(self, request: Request, wanted: EmbeddingRequest) -> Vectors | None:
        """None when the client left: nobody waits for the rest of its texts."""
        work = asyncio.ensure_future(self._scheduler.embed(texts=wanted.texts, purpose=wanted.purpose))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=_DISCONNECT_POLL_SECONDS)
                if done:
                    return work.result()
                if await request.is_disconnected():
                    return None
        finally:
            work.cancel()


def _answer(wanted: EmbeddingRequest, vectors: Vectors) -> dict[str, Any]:
    def shown(vector: Vectors) -> str | list[float]:
        if wanted.as_base64:
            return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
        return [float(value) for value in vector]

    rows = [{"object": "embedding", "index": i, "embedding": shown(v)} for i, v in enumerate(vectors)]
    # Neither model tells its token counts cheaply; characters are an upper bound for Chinese and English.
    characters = sum(map(len, wanted.texts))
    usage = {"prompt_tokens": characters, "total_tokens": characters}
    return {"object": "list", "model": wanted.model, "data": rows, "usage": usage}


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequestError)  # noqa: S101 - Starlette types every handler alike
    kind = "authentication_error" if error.status == 401 else "invalid_request_error"
    body = {"error": {"message": str(error), "type": kind, "param": error.param, "code": error.status}}
    return JSONResponse(body, status_code=error.status)


async def _busy(_request: Request, _error: Exception) -> Response:
    body = {"error": {"message": "too many texts are waiting", "type": "overloaded_error", "code": 503}}
    return JSONResponse(body, status_code=503, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
