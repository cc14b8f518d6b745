"""Refuses bodies that are too large before Django writes them to disk: it spools each whole before it calls a view."""

import json

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    HTTPScope,
    Scope,
)
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from controlplane.core.problem_responses import CONTENT_TYPE
from controlplane.documents.uploads import ENVELOPE_BYTES, too_large


class _BodyTooLargeError(Exception):
    """More bytes came than were announced, or none were announced."""


class BodyLimit:
    """ASGI middleware: 413 by the announced length, or as soon as more bytes than the limit have come."""

    def __init__(self, application: ASGI3Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        limit = settings.MAX_UPLOAD_BYTES + ENVELOPE_BYTES
        if _announced(scope) > limit:
            await _refuse(scope, send)
            return
        try:
            await self._application(scope, _counted(receive, limit), send)
        except _BodyTooLargeError:
            await _refuse(scope, send)


def _header(scope: HTTPScope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _announced(scope: HTTPScope) -> int:
    length = _header(scope, b"content-length")
    return int(length) if length.isdigit() else 0


def _counted(receive: ASGIReceiveCallable, limit: int) -> ASGIReceiveCallable:
    received = 0

    async def counting() -> ASGIReceiveEvent:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                raise _BodyTooLargeError
        return message

    return counting


async def _refuse(scope: HTTPScope, send: ASGISendCallable) -> None:
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = _header(scope, b"accept-language")
    with translation.override(translation.get_language_from_request(request)):
        body = json.dumps(too_large().document()).encode()
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
