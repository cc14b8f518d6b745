"""`/v1/messages`: Anthropic's protocol in front of the chat completions of the same gateway.

A request is translated and sent on as a chat completion, so that the key, limits, queue, routing, metering and hang-ups are the
same; the answer is translated on its way back.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from starlette.types import Message, Receive, Scope, Send

from controlplane.api.openai.accounts import CALL
from controlplane.api.openai.bodies import MOST_PASSED_BYTES
from controlplane.api.openai.errors import (
    body_too_large,
    error_headers,
    error_object,
    method_not_allowed,
    problem_of,
    status_of,
)
from controlplane.api.openai.gateway import Gateway, again, json_object, meter_of
from controlplane.api.openai.parameters import unsupported
from controlplane.api.openai.replies import received
from controlplane.api.openai.streaming import ClientGone
from controlplane.core.problems import InvalidInput, Problem
from inference.gateway.anthropic import MessagesError, MessageStream, chat_request, error_body, message_of

PATH = "/v1/messages"
NAME = "messages"
_CHAT = "/v1/chat/completions"
_WANTED = {
    "a list": gettext_lazy("a list"),
    "a text": gettext_lazy("a text"),
    "an object": gettext_lazy("an object"),
}


class Messages:
    """`gateway` gives who takes chat completions: it stands behind that one, and is made before it."""

    def __init__(self, *, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, asked = _Answer(send), _scope(scope)
        try:
            if scope["method"] != "POST":
                raise method_not_allowed()
            body = await self._body(asked, receive)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            await answer.refuse(problem_of(error))
            return
        await self._gateway()(asked, again(body, receive), answer)

    async def _body(self, asked: Scope, receive: Receive) -> bytes:
        """The chat completion's; of nobody who may not ask for one. What cannot be translated is in the ledger, too."""
        principal = await self._gateway().principal(authorization=_presented(asked))
        sent: Mapping[str, Any] = {}
        try:
            sent = json_object(
                await received(receive, most_bytes=MOST_PASSED_BYTES, too_large=body_too_large)
            )
            return orjson.dumps(chat_request(sent=sent))
        except MessagesError as error:
            problem: Problem = _problem(error)
        except Problem as found:
            problem = found
        meter_of(NAME, sent, principal).failed(problem)
        raise problem


def _problem(error: MessagesError) -> InvalidInput:
    if error.problem == "unsupported":
        return unsupported(error.field)
    detail = (
        _("“%(field)s” is required.")
        if error.problem == "missing"
        else _("“%(field)s”: it must be %(wanted)s.")
    )
    return InvalidInput(
        code="invalid_field",
        field=error.field,
        detail=detail % {"field": error.field, "wanted": _WANTED.get(error.wanted, error.wanted)},
    )


def _scope(scope: Scope) -> Scope:
    """As a chat completion with a bearer key. `x-api-key` is where Anthropic's clients put it."""
    path = f"{scope.get('root_path', '')}{_CHAT}"
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    presented = dict(headers)
    if b"authorization" not in presented and (key := presented.get(b"x-api-key")):
        headers.append((b"authorization", b"Bearer " + key))
    return {**scope, "path": path, "raw_path": path.encode(), "headers": headers, CALL: NAME}


def _presented(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")


class _Answer:
    """A `send` that writes what the chat completion answers in the words of the Messages API."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._stream: MessageStream | None = None
        self._parts: list[bytes] = []

    async def refuse(self, problem: Problem) -> None:
        status, headers = status_of(problem), error_headers(problem)
        content = error_body(status=status, error=error_object(problem)["error"])
        await self._whole(status, [(k.lower().encode(), v.encode()) for k, v in headers.items()], content)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if _is_stream(message):
                self._stream = MessageStream()
                await self._send(message)
        elif self._stream is not None:
            piece, more = self._stream.feed(message.get("body", b"")), message.get("more_body", False)
            if piece or not more:
                await self._send({"type": message["type"], "body": piece, "more_body": more})
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish()

    async def _finish(self) -> None:
        status, answer = self._start["status"], orjson.loads(b"".join(self._parts) or b"{}")
        content = (
            message_of(answer=answer)
            if status < 400
            else error_body(status=status, error=answer.get("error") or {})
        )
        await self._whole(status, self._start.get("headers", []), content)

    async def _whole(
        self, status: int, headers: list[tuple[bytes, bytes]], content: Mapping[str, Any]
    ) -> None:
        raw = orjson.dumps(content)
        own = (b"content-length", b"content-type")
        kept = [(name, value) for name, value in headers if name.lower() not in own]
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw)), *kept]
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        await self._send({"type": "http.response.body", "body": raw})


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )
