"""What stands in front of Gradio.

Gradio isolates processes, not people: whoever knows a session hash reads its stream, whoever knows a path reads its file.
So only the paths that the page needs are open, to people with a session; files, uploads and the endpoints that take a
session hash are closed altogether; and the stream of a call is given to the session that made the call.
"""

import json
import re
import secrets
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontend.chat.calls import StreamedCalls
from frontend.chat.document import Document
from frontend.chat.errors import ChatError, PlatformError, SignedOut
from frontend.chat.languages import Language, language_of
from frontend.chat.layout import CALLS, STREAMS
from frontend.chat.session import Sessions, digest

SESSION_COOKIE = "sessionid"
LONGEST_BODY = 256 * 1024
_ASSETS = re.compile(r"/(?:assets|static|page)/[A-Za-z0-9_./-]+|/theme\.css")
_CALL = re.compile(rf"/gradio_api/(?:run/(?P<run>{'|'.join(CALLS)})|call/(?P<call>{'|'.join(STREAMS)}))")
_STREAM = re.compile(rf"/gradio_api/call/(?:{'|'.join(STREAMS)})/(?P<event>[0-9a-f]{{32}})")
_OTHERS = frozenset({"/gradio_api/startup-events"})

_POLICY = "; ".join(
    [
        "default-src 'self'",
        # Gradio's page has scripts in it, which carry the nonce of their answer. It needs no eval.
        "script-src 'self'{nonce}",
        # Its components write styles of their own into the page.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
        "form-action 'self'",
    ]
)


def content_security_policy(*, nonce: str = "") -> str:
    return _POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")


class Gate:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        path: str,
        prefix: str,
        sessions: Sessions,
        document: Document,
        calls: StreamedCalls,
    ) -> None:
        self._app = app
        self._path = path
        self._prefix = prefix
        self._sessions = sessions
        self._document = document
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        if isinstance(answer, Response):
            await answer(scope, receive, _with_headers(send))
        else:
            await self._app(scope, answer, _with_headers(send))

    async def _answer(self, request: Request) -> Response | Receive:
        """A response of the gate's own, or what Gradio is to receive; streams and pages are answered through `_app`."""
        whole, method = request.scope["path"], request.method
        if whole == self._path:
            return RedirectResponse(f"{self._path}/{_query(request)}", 307)
        if not whole.startswith(f"{self._path}/"):
            return _not_found()
        path = whole.removeprefix(self._path)
        if path == "/healthz" and method == "GET":
            return JSONResponse({"status": "ok"})
        if method == "GET" and _ASSETS.fullmatch(path) and ".." not in path:
            return request.receive
        if method == "GET" and path == "/":
            return await self._page(request)
        return await self._event(request, path)

    async def _page(self, request: Request) -> Response | Receive:
        language = language_of(cookies=request.cookies, accept=request.headers.get("accept-language", ""))
        try:
            # A page is what follows a change of the organisation in the console.
            session = await self._sessions.find(request.cookies.get(SESSION_COOKIE), anew=True)
        except PlatformError as error:
            denied = error.status == 403
            return (
                self._document.denied(language=language, code=error.code)
                if denied
                else self._document.unavailable(language=language)
            )
        if session is None:
            back = quote(f"{self._path}/{_query(request)}", safe="/")
            return RedirectResponse(f"{self._prefix}/sign-in?next={back}", 302)
        return _Rewritten(self._app, self._document, language)

    async def _event(self, request: Request, path: str) -> Response | Receive:
        call, stream = _CALL.fullmatch(path), _STREAM.fullmatch(path)
        known = (call and request.method == "POST") or (
            (stream or path in _OTHERS) and request.method == "GET"
        )
        if not known:
            return _not_found()
        cookie = request.cookies.get(SESSION_COOKIE)
        try:
            await self._sessions.require(cookie)
        except (SignedOut, PlatformError) as error:
            return _refusal(error)
        owner = digest(cookie or "")
        if stream:
            own = self._calls.owner(stream["event"]) == owner
            return _Stream(self._app, self._calls, stream["event"]) if own else _not_found()
        if not call:
            return request.receive
        body = await _call_body(request)
        if isinstance(body, Response):
            return body
        if call["call"]:
            return _Recorded(self._app, body, self._calls, owner)
        return _Replayed(body, request.receive)


class _Replayed:
    """The body that was read, once more."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Whole(Response):
    """Gradio's answer, held back until it is whole."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._app(scope, self.received(receive), keep)
        body = self.changed(b"".join(parts)) if start["status"] == 200 else b"".join(parts)
        headers = MutableHeaders(raw=[*start["headers"]])
        headers["content-length"] = str(len(body))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    def received(self, receive: Receive) -> Receive:
        return receive

    def changed(self, body: bytes) -> bytes:
        return body


class _Rewritten(_Whole):
    """The page."""

    def __init__(self, app: ASGIApp, document: Document, language: Language) -> None:
        super().__init__(app)
        self._document = document
        self._language = language
        self._nonce = secrets.token_urlsafe(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Rewriting needs the text as it is.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await super().__call__({**scope, "headers": headers}, receive, _own_page(send, self._nonce))

    def changed(self, body: bytes) -> bytes:
        return self._document.rewritten(body, language=self._language, nonce=self._nonce)


class _Recorded(_Whole):
    """The beginning of a streamed call: whose event it is."""

    def __init__(self, app: ASGIApp, body: bytes, calls: StreamedCalls, owner: str) -> None:
        super().__init__(app)
        self._sent = body
        self._calls = calls
        self._owner = owner

    def received(self, receive: Receive) -> Receive:
        return _Replayed(self._sent, receive)

    def changed(self, body: bytes) -> bytes:
        self._calls.add(call=json.loads(body)["event_id"], owner=self._owner)
        return body


class _Stream(Response):
    """What a streamed call says; when it has ended or its reader has gone, the call is forgotten."""

    def __init__(self, app: ASGIApp, calls: StreamedCalls, call: str) -> None:
        super().__init__()
        self._app = app
        self._calls = calls
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._calls.read(self._call)
        try:
            await self._app(scope, receive, send)
        finally:
            await self._calls.forget(self._call)


async def _call_body(request: Request) -> bytes | Response:
    """What Gradio is given of a call: its one argument, and no session hash of the caller's choice."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return _refusal(ChatError("cross_site", status=403))
    # A form of another site cannot send this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _refusal(ChatError("unsupported_media_type", status=415))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return _refusal(ChatError("too_long", status=413))
    try:
        payload = json.loads(body)["data"][0]
    except (ValueError, LookupError, TypeError):
        payload = None
    if not isinstance(payload, dict):
        return _refusal(ChatError("invalid_request", status=400))
    return json.dumps({"data": [payload]}).encode()


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _not_found() -> Response:
    return JSONResponse({"error": ChatError("not_found", status=404).view()}, 404)


def _refusal(error: ChatError) -> Response:
    return JSONResponse({"error": error.view()}, error.status or 503)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=[*message["headers"]])
            headers.setdefault("content-security-policy", content_security_policy())
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
            headers.setdefault("cache-control", "no-store")
            if headers.get("content-type", "").startswith("text/event-stream"):
                headers["x-accel-buffering"] = "no"
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending


def _own_page(send: Send, nonce: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=[*message["headers"]])
            headers["cache-control"] = "no-store"
            headers["content-security-policy"] = content_security_policy(nonce=nonce)
            headers["vary"] = "Cookie, Accept-Language"
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending
