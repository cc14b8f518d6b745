"""What the page calls through Gradio. Every handler finds the session of its request and acts as that person.

Each takes one object and gives one object: what was asked for, or `{"error": {code, message, retry_after}}`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import gradio as gr
import structlog

from frontend.chat.asking import Asked
from frontend.chat.client import Caller, Platform
from frontend.chat.errors import ChatError, PlatformError, SessionChanged, SignedOut
from frontend.chat.languages import TAGS, language_of
from frontend.chat.running import Running, RunningAnswers
from frontend.chat.session import Session, Sessions
from frontend.chat.views import (
    REASONS,
    assistant_view,
    conversation_view,
    file_view,
    message_views,
    passage_views,
)

log = structlog.get_logger(__name__)

Json = dict[str, Any]
LONGEST_QUESTION = 20_000
_ID = re.compile(r"[0-9a-fA-F-]{1,64}")
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,63}")
_SUBMIT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class Invalid(ChatError):
    """The page sent what it never sends."""

    def __init__(self, field: str) -> None:
        super().__init__("invalid_request", message=field, status=400)


Handler = Callable[["Handlers", Json, "Visit"], Awaitable[Json]]


class Visit:
    """One call: whose it is."""

    def __init__(self, *, session: Session, language: str) -> None:
        self.session = session
        self.caller = Caller(token=session.grant.token, language=language)


def answered(handler: Handler) -> Callable[["Handlers", Json, gr.Request], Awaitable[Json]]:
    """With the visit found, and errors as part of the answer."""

    async def call(self: "Handlers", payload: Json, request: gr.Request) -> Json:
        try:
            return await handler(self, payload, await self.visit(payload, request))
        except ChatError as error:
            return self.refused(error, request)
        except Exception:
            log.exception("a call of the page failed", handler=handler.__name__)
            return {"error": ChatError("internal_error").view()}

    # Not functools.wraps: Gradio reads the signature, and is to find this one.
    call.__name__ = call.__qualname__ = handler.__name__
    return call


class Handlers:
    def __init__(self, *, platform: Platform, sessions: Sessions, answers: RunningAnswers) -> None:
        self._platform = platform
        self._sessions = sessions
        self._answers = answers

    async def visit(self, payload: Json, request: gr.Request) -> Visit:
        """Raises SignedOut, SessionChanged, PlatformError."""
        cookies = request.cookies
        session = await self._sessions.require(cookies.get("sessionid"))
        # The page of one person or organisation does nothing in the name of another.
        if payload.get("owner", session.owner.mark) != session.owner.mark:
            raise SessionChanged
        language = language_of(cookies=cookies, accept=request.headers.get("accept-language", ""))
        return Visit(session=session, language=TAGS[language])

    def refused(self, error: ChatError, request: gr.Request) -> Json:
        if isinstance(error, SignedOut):
            self._sessions.forget(request.cookies.get("sessionid") or "")
        return {"error": error.view()}

    @answered
    async def boot(self, _payload: Json, visit: Visit) -> Json:
        assistants, (conversations, cursor) = await asyncio.gather(
            self._platform.assistants(caller=visit.caller),
            self._platform.conversations(caller=visit.caller, query="", cursor=""),
        )
        grant = visit.session.grant
        return {
            "owner": visit.session.owner.mark,
            "user": {"id": grant.user_id, "name": grant.user_name, "email": grant.email},
            "tenant": grant.tenant_name,
            "console": grant.console,
            # Who looks after a department is also told of those that are switched off.
            "assistants": [assistant_view(row) for row in assistants if row.get("enabled", True)],
            "conversations": [conversation_view(row) for row in conversations],
            "cursor": cursor,
            "longest_question": LONGEST_QUESTION,
        }

    @answered
    async def conversations(self, payload: Json, visit: Visit) -> Json:
        rows, cursor = await self._platform.conversations(
            caller=visit.caller, query=_text(payload, "query", 200), cursor=_text(payload, "cursor", 2000)
        )
        return {"conversations": [conversation_view(row) for row in rows], "cursor": cursor}

    @answered
    async def conversation(self, payload: Json, visit: Visit) -> Json:
        id_ = _match(payload, "id", _ID)
        row, files = await asyncio.gather(
            self._platform.conversation(caller=visit.caller, id=id_), self._files(visit, id_)
        )
        # A long conversation takes seconds, in which everybody else's answers would stand still.
        messages = await asyncio.to_thread(message_views, row.get("messages") or [])
        running = self._answers.find(owner=visit.session.owner, conversation_id=id_)
        return {
            "conversation": conversation_view(row),
            "messages": messages,
            "files": files,
            "running": bool(running and not running.done),
        }

    @answered
    async def create(self, payload: Json, visit: Visit) -> Json:
        row = await self._platform.conversation_create(
            caller=visit.caller, assistant=_match(payload, "assistant", _SLUG)
        )
        return {"conversation": conversation_view(row)}

    @answered
    async def rename(self, payload: Json, visit: Visit) -> Json:
        row = await self._platform.conversation_rename(
            caller=visit.caller, id=_match(payload, "id", _ID), title=_text(payload, "title", 200)
        )
        return {"conversation": conversation_view(row)}

    @answered
    async def remove(self, payload: Json, visit: Visit) -> Json:
        id_ = _match(payload, "id", _ID)
        if running := self._answers.find(owner=visit.session.owner, conversation_id=id_):
            running.stop()
        await self._platform.conversation_delete(caller=visit.caller, id=id_)
        return {}

    @answered
    async def feedback(self, payload: Json, visit: Visit) -> Json:
        answer_id = _match(payload, "answer", _ID)
        if payload.get("rating") not in ("up", "down"):
            await self._platform.feedback_delete(caller=visit.caller, answer_id=answer_id)
            return {"feedback": None}
        feedback = {
            "rating": payload["rating"],
            "reasons": [reason for reason in REASONS if reason in (payload.get("reasons") or [])],
            "comment": _text(payload, "comment", 2000),
        }
        await self._platform.feedback_put(caller=visit.caller, answer_id=answer_id, feedback=feedback)
        return {"feedback": feedback}

    @answered
    async def files(self, payload: Json, visit: Visit) -> Json:
        return {"files": await self._files(visit, _match(payload, "conversation", _ID))}

    @answered
    async def file_remove(self, payload: Json, visit: Visit) -> Json:
        await self._platform.file_delete(
            caller=visit.caller,
            conversation_id=_match(payload, "conversation", _ID),
            document_id=_match(payload, "file", _ID),
        )
        return {}

    @answered
    async def source(self, payload: Json, visit: Visit) -> Json:
        """The cited passage with its neighbours."""
        chunk = payload.get("chunk")
        if not isinstance(chunk, int):
            raise Invalid("chunk")
        rows = await self._platform.passages(
            caller=visit.caller, document_id=_match(payload, "document", _ID), chunk_id=chunk
        )
        return {"passages": passage_views(rows, chunk_id=chunk)}

    @answered
    async def stop(self, payload: Json, visit: Visit) -> Json:
        running = self._answers.find(
            owner=visit.session.owner, conversation_id=_match(payload, "conversation", _ID)
        )
        if running:
            running.stop()
        return {"stopped": bool(running)}

    async def ask(self, payload: Json, request: gr.Request) -> AsyncIterator[Json]:
        """Ask, and watch the answer. Begins the conversation when there is none."""
        async for update in self._watched(self._begin, payload, request):
            yield update

    async def watch(self, payload: Json, request: gr.Request) -> AsyncIterator[Json]:
        """Attach to the answer of a conversation; `{"gone": true}` when none is being given here."""
        async for update in self._watched(self._going, payload, request):
            yield update

    async def _going(self, payload: Json, visit: Visit) -> Running | None:
        return self._answers.find(
            owner=visit.session.owner, conversation_id=_match(payload, "conversation", _ID)
        )

    async def _begin(self, payload: Json, visit: Visit) -> Running:
        regenerate = payload.get("regenerate") is True
        text = _text(payload, "text", LONGEST_QUESTION).strip()
        if not text and not regenerate:
            raise Invalid("text")
        assistant = _match(payload, "assistant", _SLUG)
        submit_id = _match(payload, "submit", _SUBMIT_ID)
        conversation_id = payload.get("conversation") or ""
        if conversation_id:
            conversation_id = _match(payload, "conversation", _ID)
        else:
            conversation_id = await self._new_conversation(assistant, submit_id, visit)
        return self._answers.start(
            owner=visit.session.owner,
            caller=visit.caller,
            asked=Asked(assistant, conversation_id, text, regenerate),
            submit_id=submit_id,
        )

    async def _new_conversation(self, assistant: str, submit_id: str, visit: Visit) -> str:
        """One for each submission, also when it comes twice."""
        return await self._answers.begun_once(
            key=(visit.session.owner, submit_id),
            begin=lambda: self._created(assistant, visit),
        )

    async def _created(self, assistant: str, visit: Visit) -> str:
        row = await self._platform.conversation_create(caller=visit.caller, assistant=assistant)
        return str(row["id"])

    async def _watched(
        self, find: Callable[[Json, Visit], Awaitable[Running | None]], payload: Json, request: gr.Request
    ) -> AsyncIterator[Json]:
        try:
            running = await find(payload, await self.visit(payload, request))
            if running is None:
                yield {"gone": True}
                return
            async for update in running.watch():
                if (update.get("problem") or {}).get("code") == SignedOut().code:
                    self._sessions.forget(request.cookies.get("sessionid") or "")
                yield update
        except ChatError as error:
            yield self.refused(error, request)
        except Exception:
            log.exception("an answer could not be shown")
            yield {"error": ChatError("internal_error").view()}

    async def _files(self, visit: Visit, conversation_id: str) -> list[Json]:
        try:
            rows = await self._platform.files(caller=visit.caller, conversation_id=conversation_id)
        except PlatformError as error:
            # A conversation without files where files are not to be had is still a conversation.
            if error.status in (403, 404, 405):
                return []
            raise
        return [file_view(row) for row in rows]


def _text(payload: Json, name: str, longest: int) -> str:
    value = payload.get(name) or ""
    if not isinstance(value, str):
        raise Invalid(name)
    if len(value) > longest:
        raise ChatError("too_long", status=400)
    return value


def _match(payload: Json, name: str, pattern: re.Pattern[str]) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Invalid(name)
    return value
