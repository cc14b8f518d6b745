"""What `bench_proxy.py` puts behind the proxies, and the proxy that the ASGI server itself would be.

uvicorn proxy_parts:backend
BACKEND=http://127.0.0.1:1 uvicorn proxy_parts:proxy
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

CHUNK = ('data: {"choices": [{"delta": {"content": "首付比例为 20%"}}]' + " " * 120 + "}\n\n").encode()
WAIT_SECONDS = 20.0
UPLOAD_PAUSE = 0.02  # a second: so that a proxy which buffers is seen to
_gone: dict[str, float] = {}


async def stream(request: Request) -> Response:
    count, pause = int(request.query_params["chunks"]), float(request.query_params["pause"])

    async def chunks() -> AsyncIterator[bytes]:
        try:
            for _ in range(count):
                yield CHUNK
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            _gone["stream"] = time.monotonic()
            raise

    return StreamingResponse(chunks(), media_type="text/event-stream")


async def wait(request: Request) -> Response:
    """Says nothing before its client is gone: a question whose engine is still thinking."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    _gone["wait"] = time.monotonic()
    return Response()


async def gone(request: Request) -> Response:
    """When the client of the last /stream or /wait was missed, by the clock that all processes share."""
    return JSONResponse(_gone.pop(request.query_params["of"], None))


async def upload(request: Request) -> Response:
    size, pending = 0, 0
    async for block in request.stream():
        size += len(block)
        pending += len(block)
        if pending > 1024 * 1024:
            pending = 0
            await asyncio.sleep(UPLOAD_PAUSE)
    return PlainTextResponse(str(size))


async def plain(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


backend = Starlette(
    routes=[
        Route("/stream", stream),
        Route("/wait", wait),
        Route("/gone", gone),
        Route("/plain", plain),
        Route("/upload", upload, methods=["POST"]),
    ]
)

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"})
_client = httpx.AsyncClient(
    base_url=os.environ.get("BACKEND", "http://127.0.0.1:1"),
    timeout=httpx.Timeout(5, read=None),
    limits=httpx.Limits(max_connections=500, max_keepalive_connections=100),
    trust_env=False,
)


async def forward(request: Request) -> Response:
    sent = [(name, value) for name, value in request.headers.raw if name.decode() not in HOP_BY_HOP]
    path = f"{request.url.path}?{request.url.query}"
    has_body = request.method == "POST"
    asked = _client.build_request(
        request.method, path, headers=sent, content=request.stream() if has_body else None
    )
    answer = await _client.send(asked, stream=True)

    async def body() -> AsyncIterator[bytes]:
        try:
            async for block in answer.aiter_raw():
                yield block
        finally:
            await answer.aclose()

    headers = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
    return StreamingResponse(body(), status_code=answer.status_code, headers=headers)


proxy = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])
