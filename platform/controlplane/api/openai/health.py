"""Whether the process lives, and whether what it needs answers."""

import asyncio
from collections.abc import Awaitable
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import DatabaseError, connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controlplane.core.offload import in_thread
from controlplane.serving.registry import registry

_SECONDS = 3.0
_PORTS = {"redis": 6379, "rediss": 6379, "valkey": 6379, "amqp": 5672, "amqps": 5671}
# Without these there is no service; without an engine answers are quoted, without embeddings found by keyword.
_ESSENTIAL = ("database",)


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(_request: Request) -> Response:
    """200 when requests can be served; each part is told apart, as `ok`, `down` or `not_configured`."""
    names = ("database", "broker", "engine", "embedding")
    found = await asyncio.gather(
        *(_bounded(part) for part in (_database(), _broker(), _engine(), _embedding()))
    )
    parts = dict(zip(names, found, strict=True))
    is_ready = all(parts[name] == "ok" for name in _ESSENTIAL)
    status = ("ok" if all(part != "down" for part in found) else "degraded") if is_ready else "down"
    return JSONResponse({"status": status, "parts": parts}, status_code=200 if is_ready else 503)


async def _bounded(part: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            return await part
    except (OSError, DatabaseError, httpx.HTTPError):
        return "down"


async def _database() -> str:
    return await in_thread(_select)


def _select() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


async def _broker() -> str:
    parts = urlsplit(settings.ENV.broker_url.get_secret_value())
    if not parts.hostname:
        return "not_configured"
    _reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or _PORTS.get(parts.scheme, 6379)
    )
    writer.close()
    return "ok"


async def _engine() -> str:
    if not registry().configured:
        return "not_configured"
    return "ok" if await registry().reachable() else "down"


async def _embedding() -> str:
    env = settings.ENV
    headers = {"Authorization": f"Bearer {key}"} if (key := env.embedding_api_key.get_secret_value()) else {}
    async with httpx.AsyncClient(trust_env=False, timeout=_SECONDS) as http:
        response = await http.get(f"{env.embedding_url.rstrip('/')}/models", headers=headers)
    return "ok" if response.status_code < 500 else "down"
