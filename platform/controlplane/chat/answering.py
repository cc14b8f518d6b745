"""The answer service: from a question to a stream of events, with everything of it recorded.

No transaction is open while the embedding service or the engine is awaited.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, OperationalError

from controlplane.chat.chosen import Choice, chosen, spare_of
from controlplane.chat.engines import needs_gate, prompt_settings, reads_instructions, sampling
from controlplane.chat.events import (
    Cited,
    ContentDelta,
    Event,
    Failed,
    Queued,
    ReasoningDelta,
    Refused,
    Retrieved,
    Started,
    ToldChoice,
    TracedPrompt,
    TracedSearch,
    TracedVerdict,
)
from controlplane.chat.failures import database_unavailable, of_trial, rejected, too_long
from controlplane.chat.gate import passages_answer
from controlplane.chat.models import MessageStatus
from controlplane.chat.questions import Outcome, Question, ReceivedQuestion
from controlplane.chat.runs import Run
from controlplane.chat.services.answers import answer_save
from controlplane.chat.services.questions import question_receive
from controlplane.chat.sources import cited_passages, documents_of, sources_of, sources_seen
from controlplane.chat.standalone import standalone_question
from controlplane.chat.trials import trial_end, trial_receive
from controlplane.chat.turns import cost_of_prompt
from controlplane.core.offload import in_background, in_thread
from controlplane.core.problems import Problem, Unavailable
from controlplane.core.scope import scoped
from controlplane.documents.search import LONGEST_QUERY, FoundPassage, SearchOutcome, search_passages_async
from controlplane.serving.problems import engine_unavailable
from controlplane.serving.registry import Registry
from inference.client import Delta
from inference.endpoints import EngineEndpoint
from inference.errors import EngineError, EngineRejected, EngineUnavailable
from rag.answering import (
    AnswerComposer,
    Prompt,
    QuestionTooLongError,
    RefusalReason,
    SupportChecker,
    build_prompt,
    check_question,
    declines,
    extracted_answer,
    language_of,
    refusal_text,
)
from rag.retrieval import judge

log = logging.getLogger(__name__)

EXTRACTIVE_MODEL = "extractive"
_REASONS = {"nothing_found": RefusalReason.NOTHING_FOUND, "not_stated": RefusalReason.MODEL_DECLINED}


class AnswerService:
    """Answers from documents. `params` are OpenAI's sampling parameters, passed on to the engine."""

    def __init__(self, *, registry: Registry) -> None:
        self._registry = registry

    async def answer(
        self, *, question: Question, params: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Event, None]:
        """The events of one answer. Closing the generator aborts the engine's work and saves what was produced as stopped.

        Raises a Problem only before the first event, for what the caller got wrong.
        """
        started = time.monotonic()
        if question.model:
            await self._check_model(question.model)
        received = await self._received(question)
        run = Run(received=received, started=started, standalone=received.text)
        ending = MessageStatus.FAILED, "internal_error"
        try:
            yield Started(received.conversation_id, received.question_id, received.answer_id, received.route)
            async with aclosing(self._events(run, params or {})) as events:
                async for event in events:
                    yield event
        except QuestionTooLongError as error:
            yield await self._failed(run, too_long(error))
        except Problem as problem:
            yield await self._failed(run, of_trial(problem) if received.trial else problem)
        except OperationalError:
            log.exception("the database went away while a question was answered")
            yield await self._failed(run, database_unavailable())
        except (asyncio.CancelledError, GeneratorExit):
            ending = MessageStatus.STOPPED, ""
            raise
        finally:
            run.turn.leave(usage=run.usage)
            if run.saving is None:
                # This task is being cancelled, because the client is gone, or is failing: what is left to do runs on its own.
                status, reason = ending
                run.saving = in_background(_saved(received, run.outcome(status, reason=reason)))

    async def _check_model(self, name: str) -> None:
        """An unknown model is the caller's mistake; an engine that is down is not, and the question is kept first."""
        try:
            if self._registry.configured:
                await self._registry.find(name=name)
        except Unavailable:
            return

    async def _failed(self, run: Run, problem: Problem) -> Failed:
        await self._settle(run, run.outcome(MessageStatus.FAILED, reason=problem.code))
        return Failed(problem)

    async def _received(self, question: Question) -> ReceivedQuestion:
        storing = in_background(in_thread(_receive, question))
        try:
            return await asyncio.shield(storing)
        except asyncio.CancelledError:
            in_background(_stopped_at_once(storing))
            raise

    async def _settle(self, run: Run, outcome: Outcome) -> None:
        # In a task of its own: the client may hang up while the save waits for a thread.
        run.saving = in_background(_saved(run.received, outcome))
        await asyncio.shield(run.saving)

    async def _events(self, run: Run, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        received = run.received
        if not received.knowledge_base_ids:
            async for event in self._refuse(run, RefusalReason.NO_KNOWLEDGE):
                yield event
            return
        choice = await chosen(registry=self._registry, received=received)
        run.choice = ToldChoice(choice.route, choice.reason)
        engines = choice.engines
        if engines:
            check_question(question=received.text, settings=prompt_settings(engines[0]))
        run.standalone, run.usage = await standalone_question(
            registry=self._registry, received=received, engines=engines
        )
        rewritten_at = run.milliseconds()
        found = await self._search(run)
        yield Retrieved(run.standalone, len(found.passages), found.degraded)
        if run.traced:
            yield TracedSearch(
                question=run.standalone,
                passages=found.passages,
                degraded=found.degraded,
                rewrite_ms=rewritten_at,
                search_ms=run.milliseconds() - rewritten_at,
            )
        verdict = await self._judged(run, engines, found)
        if run.traced:
            yield verdict
        if not verdict.sufficient:
            ending = self._refuse(run, _REASONS.get(verdict.reason, RefusalReason.WEAK_EVIDENCE))
        elif not engines:
            ending = self._extract(run, found.passages)
        else:
            ending = self._generate(run, choice, found.passages, params)
        async with aclosing(ending):
            async for event in ending:
                yield event

    async def _judged(
        self, run: Run, engines: Sequence[EngineEndpoint], found: SearchOutcome
    ) -> TracedVerdict:
        """Whether the passages are enough to answer from."""
        begun = run.milliseconds()
        texts = {passage.passage_id: passage.text for passage in found.passages}
        evidence = judge(query=run.standalone, hits=[p.hit() for p in found.passages], texts=texts)
        if engines and found.passages and needs_gate(engines[0]):
            run.model = engines[0].name
            verdict, spent = await passages_answer(
                client=self._registry.client(endpoint=engines[0]),
                prompt=_prompt(run, engines[0], found.passages),
                question=run.standalone,
                evidence=evidence,
            )
            run.usage += spent
            spent_ms = run.milliseconds() - begun
            return TracedVerdict(verdict.answerable, verdict.score, verdict.reason, engines[0].name, spent_ms)
        return TracedVerdict(evidence.sufficient, evidence.score, evidence.reason, "", 0)

    async def _search(self, run: Run) -> SearchOutcome:
        received = run.received
        return await search_passages_async(
            principal=received.principal,
            knowledge_base_ids=received.knowledge_base_ids,
            query=run.standalone[:LONGEST_QUERY],
            top_k=received.top_k,
        )

    async def _refuse(self, run: Run, reason: RefusalReason) -> AsyncGenerator[Event, None]:
        received = run.received
        text = refusal_text(
            reason=reason, language=language_of(received.text), searched=received.knowledge_base_names
        )
        run.citations = ()
        await self._settle(run, run.outcome(MessageStatus.REFUSED, reason=reason, content=text))
        yield Refused(reason, text)
        ending = "length" if reason is RefusalReason.CUT_OFF else "stop"
        yield run.finished(reason=ending)

    async def _extract(self, run: Run, passages: Sequence[FoundPassage]) -> AsyncGenerator[Event, None]:
        run.model = EXTRACTIVE_MODEL
        run.shown_documents = documents_of(passages)
        answer = extracted_answer(question=run.standalone, sources=sources_of(passages))
        run.note_token()
        run.content.append(answer.text)
        run.citations = cited_passages(answer.citations, passages)
        await self._settle(run, run.outcome(MessageStatus.ANSWERED))
        yield ContentDelta(answer.text)
        yield Cited(run.citations)
        yield run.finished(reason="stop")

    async def _generate(
        self,
        run: Run,
        choice: Choice,
        passages: Sequence[FoundPassage],
        params: Mapping[str, Any],
    ) -> AsyncGenerator[Event, None]:
        engines = choice.engines
        prompt = _prompt(run, engines[0], passages)
        async with aclosing(self._turn(run, choice, prompt, params)) as places:
            async for place in places:
                yield place
        if run.turn.stands_in:
            engines = run.turn.engines
            run.choice = replace(run.choice, overflow_from=choice.name)
            prompt = _prompt(run, engines[0], passages)
        run.shown_documents = documents_of(passages, prompt)
        if run.traced:
            yield _traced(run, engines[0], prompt, params)
        composer = AnswerComposer(
            checker=SupportChecker(question=run.standalone, sources=sources_seen(passages, prompt))
        )
        async with aclosing(self._deltas(run, engines, prompt, params)) as deltas:
            async for delta in deltas:
                run.note_reasoning(reasoning=delta.reasoning, content=delta.content)
                visible = composer.feed(delta.content)
                # Noted as they come: an answer that breaks off keeps the citations of what was shown.
                run.citations = cited_passages(composer.citations, passages)
                for event in _shown(run, visible, delta.reasoning):
                    yield event
        run.turn.leave(usage=run.usage)
        for event in _shown(run, composer.finish(), ""):
            yield event
        if not composer.supported:
            async for event in self._refuse(run, _why_unsupported(run, composer.withheld)):
                yield event
            return
        run.citations = cited_passages(composer.citations, passages)
        await self._settle(run, run.outcome(MessageStatus.ANSWERED))
        yield Cited(run.citations)
        yield run.finished()

    def _turn(
        self, run: Run, choice: Choice, prompt: Prompt, params: Mapping[str, Any]
    ) -> AsyncGenerator[Queued, None]:
        return run.turn.wait(
            principal=run.received.principal,
            engines=choice.engines,
            cost=cost_of_prompt(messages=prompt.messages, params=sampling(choice.engines[0], params)),
            spare=spare_of(registry=self._registry, choice=choice),
        )

    async def _deltas(
        self, run: Run, engines: Sequence[EngineEndpoint], prompt: Prompt, params: Mapping[str, Any]
    ) -> AsyncGenerator[Delta, None]:
        """From the first engine that answers; another one is tried only while nothing has come yet."""
        last: EngineError = EngineUnavailable("no engine")
        before = run.usage
        for engine in engines:
            run.model, begun = engine.name, False
            try:
                client = self._registry.client(endpoint=engine)
                answer = client.stream_chat(messages=prompt.messages, params=sampling(engine, params))
                with self._registry.under_way(endpoint=engine):
                    async with aclosing(answer) as deltas:
                        async for delta in deltas:
                            begun = True
                            run.usage = before + delta.usage if delta.usage else run.usage
                            run.finish_reason = delta.finish_reason or run.finish_reason
                            yield delta
                return
            except EngineUnavailable as error:
                last = error
                if begun:
                    break
            except EngineRejected as error:
                raise rejected(error) from error
        log.warning("no engine answered: %s", last)
        raise engine_unavailable(kept=True, retry_after=getattr(last, "retry_after", None)) from last


def _receive(question: Question) -> ReceivedQuestion:
    with scoped(question.principal.scope()):
        if question.trial is not None:
            return trial_receive(question=question, trial=question.trial)
        return question_receive(question=question)


def _save(received: ReceivedQuestion, outcome: Outcome) -> None:
    with scoped(received.principal.scope()):
        end = trial_end if received.trial is not None else answer_save
        end(received=received, outcome=outcome)


async def _saved(received: ReceivedQuestion, outcome: Outcome) -> None:
    try:
        await in_thread(_save, received, outcome)
    except DatabaseError:
        log.exception("the outcome of message %s was not saved", received.question_id)


async def _stopped_at_once(storing: "asyncio.Task[ReceivedQuestion]") -> None:
    """The client hung up while its question was being stored: it must not stay without an end."""
    try:
        received = await storing
    except (Problem, DatabaseError):
        return
    await _saved(received, Outcome(status=MessageStatus.STOPPED, model=""))


def _shown(run: Run, content: str, reasoning: str) -> list[Event]:
    events: list[Event] = []
    if reasoning:
        run.reasoning.append(reasoning)
        events.append(ReasoningDelta(reasoning))
    if content:
        run.content.append(content)
        events.append(ContentDelta(content))
    if events:
        run.note_token()
    return events


def _why_unsupported(run: Run, withheld: str) -> RefusalReason:
    if declines(withheld):
        return RefusalReason.MODEL_DECLINED
    return RefusalReason.CUT_OFF if run.finish_reason == "length" else RefusalReason.UNSUPPORTED_ANSWER


def _traced(run: Run, engine: EngineEndpoint, prompt: Prompt, params: Mapping[str, Any]) -> TracedPrompt:
    return TracedPrompt(
        engine=engine.name,
        messages=prompt.messages,
        shown=tuple(source.number for source in prompt.sources),
        parameters=sampling(engine, params),
        reads_instructions=reads_instructions(engine) or not run.received.instructions.strip(),
    )


def _prompt(run: Run, engine: EngineEndpoint, passages: Sequence[FoundPassage]) -> Prompt:
    return build_prompt(
        question=run.standalone,
        sources=sources_of(passages),
        settings=prompt_settings(engine),
        instructions=run.received.instructions,
        turns=run.received.turns,
    )
