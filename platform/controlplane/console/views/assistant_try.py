"""Trying an assistant from its editor, and the models that it may be given.

The browser asks with its session's cookie and the CSRF token of the page: so no credential with a manager's rights is ever
where a script can read it, and the rights are looked up anew with each question. (A chat's token has a member's rights alone.)
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from controlplane.api.openai.answers import frames
from controlplane.api.openai.bodies import ChatRequest, parse_body
from controlplane.api.openai.conversation import ASSISTANT_PREFIX, check_messages, question_of, sampling_of
from controlplane.api.openai.streaming import event_stream
from controlplane.chat.answering import AnswerService
from controlplane.console.views.assistants import AssistantsPage
from controlplane.core.problems import InvalidInput, Problem
from controlplane.core.scope import scoped
from controlplane.serving.registry import registry
from frontend.markdown.rendering import render as rendered

_ROUTES_SECONDS = 5.0
_LONGEST_ANSWER = 100_000
_MOST_CITATIONS = 999  # a mark has three figures
_USUAL_ROUTES = ("chat", "reasoner", "auto")


class AssistantTry(AssistantsPage):
    """The body of a chat completion, with `karez.draft` and `karez.trace`; the answer is its stream."""

    # The answer outlives any transaction: nothing of it is written in this one.
    atomic = False

    def post(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        with scoped(self.principal.scope()):
            self.assistant(slug)
        chat, _sent = parse_body(request.body, ChatRequest)
        check_messages(chat)
        chat = chat.model_copy(update={"model": f"{ASSISTANT_PREFIX}{slug}"})
        question = question_of(chat=chat, principal=self.principal)
        if question.trial is None:  # it would be kept as a conversation
            raise InvalidInput(code="invalid_field", field="karez.trace", detail="karez.trace, karez.draft")
        events = AnswerService(registry=registry()).answer(question=question, params=sampling_of(chat))
        stream: AsyncIterator[bytes] = event_stream(
            frames(events=events, model=chat.model, include_usage=True)
        )
        response = StreamingHttpResponse(stream, content_type="text/event-stream; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def failed(self, problem: Problem) -> HttpResponse:
        """For the script that asked."""
        return JsonResponse(problem.document(), status=problem.status, headers=problem.headers())


class RenderedForm(forms.Form):
    """`run`: which of the page's answers it is; its sources are known there by this number."""

    text = forms.CharField(max_length=_LONGEST_ANSWER, strip=False)
    run = forms.IntegerField(min_value=1)
    known = forms.TypedMultipleChoiceField(
        coerce=int, choices=[(n, n) for n in range(1, _MOST_CITATIONS + 1)], required=False
    )


class AssistantTryRendered(AssistantsPage):
    """The Markdown of an answer as HTML: nothing is read and nothing kept, the text is the page's own."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        self.assistant(slug)
        form = RenderedForm(request.POST)
        if not form.is_valid():
            field, (fault, *_) = next(iter(form.errors.items()))
            raise InvalidInput(code="invalid_field", field=field, detail=str(fault))
        data = form.cleaned_data
        return HttpResponse(
            "".join(rendered(data["text"], known=data["known"], sources=f"run-{data['run']}-"))
        )

    def failed(self, problem: Problem) -> HttpResponse:
        """For the script that asked."""
        return JsonResponse(problem.document(), status=problem.status, headers=problem.headers())


class AssistantRoutes(AssistantsPage):
    """The options of the model's field, fetched after the page: an engine may take its time to say what it serves."""

    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            deployments, routes = async_to_sync(_names)()
        except TimeoutError:
            deployments, routes = [], []
        current = request.GET.get("route", "")[:100]
        known = [*_USUAL_ROUTES, *(route for route in routes if route not in _USUAL_ROUTES)]
        served = {*deployments, *routes}
        return render(
            request,
            "console/assistants/routes.html",
            {
                "current": current,
                "routes": [(route, route in served) for route in known],
                "deployments": deployments,
                "is_other": current not in {*known, *deployments},
            },
        )


async def _names() -> tuple[list[str], list[str]]:
    async with asyncio.timeout(_ROUTES_SECONDS):
        endpoints = [endpoint for endpoint in await registry().endpoints() if endpoint.kind == "chat"]
    deployments = dict.fromkeys(endpoint.name for endpoint in endpoints)
    routes = dict.fromkeys(route for endpoint in endpoints for route in endpoint.routes)
    return list(deployments), [route for route in routes if route not in deployments]
