"""The fast way through the data plane: calls that end at an engine, without a framework, a thread or a query between.

What is answered from documents, the lists and the probes go on to the application behind.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from django.utils import translation
from django.utils.translation import gettext as _
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controlplane.api.openai.accounts import CALL
from controlplane.api.openai.authentication import credential_missing, principal_of_credential
from controlplane.api.openai.bodies import (
    MOST_PASSED_BYTES,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    RerankRequest,
    invalid,
)
from controlplane.api.openai.conversation import ASSISTANT_PREFIX, check_messages
from controlplane.api.openai.errors import (
    BadRequest,
    body_too_large,
    method_not_allowed,
    problem_of,
    scope_missing,
)
from controlplane.api.openai.everyday import Asked, everyday
from controlplane.api.openai.fitting import with_room
from controlplane.api.openai.languages import language_of
from controlplane.api.openai.names import way_of
from controlplane.api.openai.overflow import stand_in
from controlplane.api.openai.parameters import check_parameters, passed_on
from controlplane.api.openai.passing import Passage, Passing
from controlplane.api.openai.rates import rate_headers, with_rates
from controlplane.api.openai.replies import Reply, Young, received
from controlplane.api.openai.streaming import ClientGone
from controlplane.core.changes import CREDENTIALS, LIMITS, Changes
from controlplane.identity.key_cache import KeyCache
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.metering.door import Door
from controlplane.metering.meter import Meter
from controlplane.serving.entrance import cost_of
from controlplane.serving.registry import registry
from inference.endpoints import EngineKind
from inference.router.affinity import prefix_of

# OpenAI's names of what may wait until there is room.
BATCH_TIERS = ("flex", "batch")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an engine answers."""

    path: str
    shape: type[ChatRequest | CompletionRequest | EmbeddingRequest | RerankRequest]
    kind: EngineKind


CALLS = {
    f"/v1/{call.path}": call
    for call in (
        Call("chat/completions", ChatRequest, "chat"),
        Call("completions", CompletionRequest, "chat"),
        Call("embeddings", EmbeddingRequest, "embedding"),
        Call("rerank", RerankRequest, "rerank"),
    )
}


@dataclass
class Gateway:
    """`behind` answers everything else. Start `run` beside it."""

    behind: ASGIApp
    keys: KeyCache = field(init=False)
    door: Door = field(init=False)
    changes: Changes = field(init=False)
    young: Young = field(default_factory=Young)

    def __post_init__(self) -> None:
        self.keys = KeyCache(trusted=lambda: self.changes.connected)
        self.door = Door(trusted=lambda: self.changes.connected)
        self.changes = Changes(channels={CREDENTIALS: self.keys.forget, LIMITS: self.door.limits.forget})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = (
            CALLS.get(scope["path"].removeprefix(scope.get("root_path", "")))
            if scope["type"] == "http"
            else None
        )
        if call is None:
            await self.behind(scope, receive, send)
            return
        presented = _headers(scope)
        reply = Reply(receive=receive, send=send)
        try:
            if scope["method"] != "POST":
                raise method_not_allowed()
            await self._answer(call, scope, presented, reply, receive, send)
        except ClientGone:
            pass
        except asyncio.CancelledError:
            if not reply.hung_up:
                raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            await reply.problem(error)
        finally:
            reply.close()

    async def _answer(
        self, call: Call, scope: Scope, presented: str, reply: Reply, receive: Receive, send: Send
    ) -> None:
        principal = await self.principal(authorization=presented)
        named = scope.get(CALL) or call.path
        reply.rates = partial(rate_headers, door=self.door, principal=principal)
        sent: dict[str, Any] = {}
        meter: Meter | None = None
        try:
            raw = await received(receive, most_bytes=MOST_PASSED_BYTES, too_large=body_too_large)
            sent = json_object(raw)
            if call.shape is ChatRequest and _is_question(sent):
                rated = with_rates(send=send, door=self.door, principal=principal)
                await self.behind(scope, again(raw, receive), rated)
                return
            meter = meter_of(named, sent, principal)
            await self._passed(call, sent, len(raw), principal, reply, meter)
        except (ClientGone, asyncio.CancelledError):
            (meter or meter_of(named, sent, principal)).settle(
                outcome="stopped", code="client_too_slow" if reply.too_slow else ""
            )
            raise
        except Exception as error:
            problem = problem_of(error)
            (meter or meter_of(named, sent, principal)).failed(problem)
            raise problem from error

    async def principal(self, *, authorization: str) -> Principal:
        """Of a request that presents this. Raises Unauthorised, and Forbidden for one that may not ask models."""
        scheme, _space, presented = authorization.partition(" ")
        presented = presented.strip()
        if scheme.lower() != "bearer" or not presented:
            raise credential_missing()
        principal = self.keys.known(presented=presented) or await principal_of_credential(
            presented=presented, keys=self.keys
        )
        if KeyScope.CHAT not in principal.scopes:
            raise scope_missing(KeyScope.CHAT)
        return principal

    async def _passed(
        self, call: Call, sent: dict[str, Any], size: int, principal: Principal, reply: Reply, meter: Meter
    ) -> None:
        asked = _checked(call, sent)
        engines, streamed = registry(), asked.streamed
        way = await way_of(engines, name=asked.model, kind=call.kind, principal=principal, body=sent)
        spare = None
        if call.kind == "chat":
            way = way.to(with_room(replicas=way.replicas, body=sent, size=size))
            spare = stand_in(engines=engines, way=way, body=sent, size=size)
        passage = Passage(
            path=call.path,
            body=passed_on(call=call.path, sent=sent),
            model=asked.model,
            streamed=streamed,
            wants_usage=streamed and asked.wants_usage,
            prefix=prefix_of(body=sent) if len(way.replicas) > 1 else b"",
        )
        reply.watch(young=self.young)
        if streamed:
            reply.stream()
        passing = Passing(registry=engines, passage=passage, reply=reply, meter=meter)
        if not way.replicas and spare is None:  # an engine that might serve it does not say so
            await passing.run(way=way)
            return
        ticket = await self.door.enter(
            principal=principal,
            replicas=way.replicas,
            cost=cost_of(size=size, answer_tokens=_answer_tokens(call, sent)),
            batch=sent.get("service_tier") in BATCH_TIERS,
            told=reply.position if streamed else None,
            spare=spare.replicas if spare else (),
            pressed=spare is not None and not engines.router.has_room(endpoints=way.replicas),
        )
        try:
            meter.waited(seconds=ticket.waited)
            if spare is not None and ticket.is_spare:
                await passing.run(way=spare)
            else:
                await passing.run(way=way, spare=spare if ticket.allows_spare else None)
        finally:
            ticket.leave(tokens=meter.tokens)


def _headers(scope: Scope) -> str:
    """What is presented as authorization. The language that is asked for is activated."""
    presented, accepted = b"", b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            presented = presented or value
        elif name == b"accept-language":
            accepted = accepted or value
    if accepted:
        translation.activate(language_of(accepted.decode("latin-1")))
    return presented.decode("latin-1")


def meter_of(call: str, sent: Mapping[str, Any], principal: Principal) -> Meter:
    """Of a request as it was sent, whether it is as it must be or not."""
    model, user = sent.get("model"), sent.get("user")
    return Meter(
        principal=principal,
        call=call,
        model=model if isinstance(model, str) else "",
        end_user=user if isinstance(user, str) else "",
        streamed=bool(sent.get("stream")),
    )


def _answer_tokens(call: Call, sent: dict[str, Any]) -> int | None:
    """The most that the answer may have; None where the client does not say."""
    if call.kind != "chat":
        return 0
    return sent.get("max_completion_tokens") or sent.get("max_tokens")


def _checked(call: Call, sent: dict[str, Any]) -> Asked:
    """Raises InvalidInput naming the field."""
    asked = everyday(sent) if call.shape is ChatRequest else None
    if asked is None:
        asked = _checked_in_full(call, sent)
    check_parameters(call=call.path, sent=sent)
    return asked


def _checked_in_full(call: Call, sent: dict[str, Any]) -> Asked:
    try:
        asked = call.shape.model_validate(sent)
    except ValidationError as error:
        raise invalid(error) from error
    if isinstance(asked, ChatRequest):
        check_messages(asked)
    streamed = bool(getattr(asked, "stream", False))
    return Asked(asked.model, streamed, getattr(asked, "wants_usage", False))


def json_object(raw: bytes) -> dict[str, Any]:
    """What a body holds. Raises BadRequest."""
    try:
        sent = orjson.loads(raw)
    except ValueError as error:
        raise BadRequest(
            code="invalid_json", detail=_("The body is not JSON: %(error)s") % {"error": error}
        ) from error
    if not isinstance(sent, dict):
        raise BadRequest(code="invalid_json", detail=_("The body must be a JSON object."))
    return sent


def _is_question(sent: dict[str, Any]) -> bool:
    """Whether it is answered from documents. What is malformed in it, the application behind tells."""
    model = sent.get("model")
    return sent.get("karez") is not None or (isinstance(model, str) and model.startswith(ASSISTANT_PREFIX))


def again(raw: bytes, receive: Receive) -> Receive:
    """A `receive` for somebody who has not seen the body yet."""
    pending: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
