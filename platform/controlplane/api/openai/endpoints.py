"""The calls of /v1."""

import json
from typing import Any

from django.conf import settings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controlplane.api.openai.accounts import CALL, metered
from controlplane.api.openai.answers import frames, whole
from controlplane.api.openai.authentication import authenticated
from controlplane.api.openai.bodies import (
    ChatRequest,
    read_body,
)
from controlplane.api.openai.conversation import (
    ASSISTANT_PREFIX,
    check_messages,
    question_of,
    sampling_of,
)
from controlplane.api.openai.names import assistants_of, check_assistant
from controlplane.api.openai.streaming import stream, unless_gone
from controlplane.chat.answering import AnswerService
from controlplane.core.offload import in_thread
from controlplane.core.problems import NotFound
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.serving.problems import model_not_found
from controlplane.serving.registry import registry

OWNER = "karez"
_CHAT = "chat/completions"


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
            for slug, name in await in_thread(assistants_of, principal)
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
    """Those that are answered from documents; the others do not come here (`gateway`)."""
    principal = await authenticated(request, scope=KeyScope.CHAT)
    chat, _sent = await read_body(request, ChatRequest)
    check_messages(chat)
    return await _answered(request, chat, principal)


async def _answered(request: Request, chat: ChatRequest, principal: Principal) -> Response:
    question = question_of(chat=chat, principal=principal)
    try:
        answer = AnswerService(registry=registry()).answer(question=question, params=sampling_of(chat))
        events = metered(events=answer, call=request.scope.get(CALL, _CHAT), chat=chat, principal=principal)
        if chat.stream:
            return await stream(
                request, frames(events=events, model=chat.model, include_usage=chat.wants_usage)
            )
        return JSONResponse(await unless_gone(request, lambda: whole(events=events, model=chat.model)))
    except NotFound as error:
        if error.code == "not_found" and question.assistant_slug:
            await check_assistant(question.assistant_slug, principal)
        raise


def _model(id_: str, *, kind: str, name: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {"id": id_, "object": "model", "created": 0, "owned_by": OWNER}
    return row | {"karez": {"kind": kind, **({"name": name} if name else {})}}
