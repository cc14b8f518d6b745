"""The calls of /v1."""

import json
from typing import Any

from django.conf import settings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controlplane.api.openai.answers import frames, whole
from controlplane.api.openai.authentication import authenticated
from controlplane.api.openai.bodies import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    RerankRequest,
    check_parameters,
    read_body,
)
from controlplane.api.openai.conversation import (
    ASSISTANT_PREFIX,
    check_messages,
    is_question,
    question_of,
    sampling_of,
)
from controlplane.api.openai.passthrough import Passage, object_of, passed_stream, passed_whole
from controlplane.api.openai.streaming import stream, unless_gone
from controlplane.assistants.selectors import usable_assistant_list
from controlplane.chat.answering import AnswerService
from controlplane.chat.completions import PassedCompletion
from controlplane.core.offload import in_thread
from controlplane.core.problems import NotFound
from controlplane.core.scope import scoped
from controlplane.documents.embedding import embedding_client
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.serving.registry import Registry, model_not_found, registry
from inference.endpoints import EngineEndpoint

OWNER = "karez"


async def models(request: Request) -> Response:
    """Deployments and routes, the embedding model, and the assistants that the key may use."""
    principal = await authenticated(request)
    rows = [_model(name, kind="chat") for name in await registry().names(kind="chat")]
    embedding = dict.fromkeys([settings.ENV.embedding_model, *await registry().names(kind="embedding")])
    rows += [_model(name, kind="embedding") for name in embedding]
    rows += [_model(name, kind="rerank") for name in await registry().names(kind="rerank")]
    if KeyScope.CHAT in principal.scopes:
        rows += [
            _model(f"{ASSISTANT_PREFIX}{slug}", kind="assistant", name=name)
            for slug, name in await in_thread(_assistants, principal)
        ]
    return JSONResponse({"object": "list", "data": rows})


async def model(request: Request) -> Response:
    """One of them."""
    listed = json.loads(bytes((await models(request)).body))["data"]
    name = request.path_params["name"]
    for row in listed:
        if row["id"] == name:
            return JSONResponse(row)
    raise model_not_found(name=name, known=[row["id"] for row in listed])


async def chat_completions(request: Request) -> Response:
    principal = await authenticated(request, scope=KeyScope.CHAT)
    chat, sent = await read_body(request, ChatRequest)
    check_messages(chat)
    if is_question(chat):
        return await _answered(request, chat, principal)
    check_parameters(sent=sent)
    await _check_model(chat.model, principal)
    body = {name: value for name, value in sent.items() if name != "karez"}
    passage = Passage("chat/completions", body, chat.model, wants_usage=chat.wants_usage)
    return await _passed(request, passage, principal, streamed=bool(chat.stream))


async def completions(request: Request) -> Response:
    principal = await authenticated(request, scope=KeyScope.CHAT)
    asked, sent = await read_body(request, CompletionRequest)
    check_parameters(sent=sent)
    await _check_model(asked.model, principal)
    passage = Passage("completions", sent, asked.model, wants_usage=asked.wants_usage)
    return await _passed(request, passage, principal, streamed=bool(asked.stream))


async def embeddings(request: Request) -> Response:
    await authenticated(request, scope=KeyScope.CHAT)
    asked, sent = await read_body(request, EmbeddingRequest)
    check_parameters(sent=sent)
    endpoint = await _embedding_endpoint(registry(), asked.model)
    return await _forwarded(request, endpoint, "embeddings", sent, asked.model)


async def rerank(request: Request) -> Response:
    await authenticated(request, scope=KeyScope.CHAT)
    asked, sent = await read_body(request, RerankRequest)
    check_parameters(sent=sent, own=frozenset({"documents"}))
    endpoint = (await registry().find(name=asked.model, kind="rerank"))[0]
    return await _forwarded(request, endpoint, "rerank", sent, asked.model)


async def _forwarded(
    request: Request, endpoint: EngineEndpoint, path: str, sent: dict[str, Any], model: str
) -> Response:
    client = registry().client(endpoint=endpoint)

    async def answered() -> dict[str, Any]:
        async with client.forward(path=path, body=sent) as response:
            return object_of(await response.aread(), endpoint)

    return JSONResponse({**await unless_gone(request, answered), "model": model})


async def _answered(request: Request, chat: ChatRequest, principal: Principal) -> Response:
    question = question_of(chat=chat, principal=principal)
    try:
        events = AnswerService(registry=registry()).answer(question=question, params=sampling_of(chat))
        if chat.stream:
            return await stream(
                request, frames(events=events, model=chat.model, include_usage=chat.wants_usage)
            )
        return JSONResponse(await unless_gone(request, lambda: whole(events=events, model=chat.model)))
    except NotFound as error:
        if error.code == "not_found" and question.assistant_slug:
            await _check_assistant(question.assistant_slug, principal)
        raise


async def _passed(request: Request, passage: Passage, principal: Principal, *, streamed: bool) -> Response:
    completion = PassedCompletion(principal=principal, model=passage.model, kind=passage.path)
    await completion.begin()
    asked: dict[str, Any] = {"registry": registry(), "passage": passage, "completion": completion}
    if streamed:
        return await stream(request, passed_stream(**asked))
    return JSONResponse(await unless_gone(request, lambda: passed_whole(**asked)))


async def _check_model(name: str, principal: Principal) -> None:
    """Raise NotFound that names the assistants too. What is down is found out later, when the question is on record."""
    known = await registry().names()
    if name not in known and not await registry().is_silent():
        slugs = await in_thread(_assistants, principal)
        raise model_not_found(
            name=name, known=[*known, *(f"{ASSISTANT_PREFIX}{slug}" for slug, _name in slugs)]
        )


async def _check_assistant(slug: str, principal: Principal) -> None:
    assistants = await in_thread(_assistants, principal)
    if slug not in dict(assistants):
        known = [*await registry().names(), *(f"{ASSISTANT_PREFIX}{known}" for known, _name in assistants)]
        raise model_not_found(name=f"{ASSISTANT_PREFIX}{slug}", known=known)


def _assistants(principal: Principal) -> list[tuple[str, str]]:
    with scoped(principal.scope()):
        return list(usable_assistant_list(principal=principal).order_by("slug").values_list("slug", "name"))


async def _embedding_endpoint(engines: Registry, name: str) -> EngineEndpoint:
    env = settings.ENV
    served = embedding_client().model.name
    if name in (env.embedding_model, served):
        return EngineEndpoint(
            name=name,
            base_url=env.embedding_url.rstrip("/"),
            model=served,
            api_key=env.embedding_api_key.get_secret_value(),
            kind="embedding",
        )
    known = [env.embedding_model, *await engines.names(kind="embedding")]
    if name not in known and not await engines.is_silent():
        raise model_not_found(name=name, known=known)
    return (await engines.find(name=name, kind="embedding"))[0]


def _model(id_: str, *, kind: str, name: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {"id": id_, "object": "model", "created": 0, "owned_by": OWNER}
    return row | {"karez": {"kind": kind, **({"name": name} if name else {})}}
