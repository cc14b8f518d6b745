"""Requests that go to an engine as they are: only the reasoning is put where every client finds it, and the model goes by the
name that was asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from controlplane.api.openai.names import Way
from controlplane.api.openai.replies import Reply
from controlplane.metering.meter import Meter
from controlplane.serving.problems import engine_unavailable
from controlplane.serving.registry import Registry
from inference.endpoints import EngineEndpoint
from inference.errors import AnswerTimeout, EngineError, EngineUnavailable
from inference.gateway.normalise import StreamNormaliser, forwarded_body, normalise_whole
from inference.gateway.target import target_of
from inference.gateway.upstream import Exchange
from inference.router.candidate import Candidate
from inference.traits import preopens_reasoning

# The reason of who stands in, in the ledger and the trail.
OVERFLOW = "overflow"
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Passage:
    """One request on its way: where to, under which name the client knows the model, and what it begins with (`prefix_of`)."""

    path: str
    body: Mapping[str, Any]
    model: str
    streamed: bool = False
    wants_usage: bool = False
    prefix: bytes = b""


class Passing:
    """Carries one passage to an engine, and its answer back.

    Another replica is tried only while nothing of an answer has been sent on.
    """

    def __init__(self, *, registry: Registry, passage: Passage, reply: Reply, meter: Meter) -> None:
        self._registry = registry
        self._pool = registry.pool()
        self._passage = passage
        self._reply = reply
        self._meter = meter
        self._answered = False
        self._told: Mapping[str, str] = {}

    async def run(self, *, way: Way, spare: Way | None = None) -> None:
        """To `spare` only when all of `way` have failed. Raises the EngineError family, before the response begins or in the
        middle of it."""
        failure: EngineError | None = None
        for by, candidate in self._order(way, spare):
            self._told, headers = told_of(
                candidate.endpoint.name, by.route, by.reason, by.name if by.stands_in else ""
            )
            self._reply.tell(headers)
            self._dispatched(by, candidate)
            try:
                with self._registry.asking(candidate=candidate):
                    if self._passage.streamed:
                        await self._stream(candidate)
                    else:
                        await self._whole(candidate.endpoint)
                return
            except EngineError as error:
                failure = error
                # One that was still writing is slow, not broken, and another replica would take as long.
                if (
                    self._answered
                    or not isinstance(error, EngineUnavailable)
                    or isinstance(error, AnswerTimeout)
                ):
                    raise
        raise failure or engine_unavailable(retry_after=self._registry.router.pause(endpoints=way.replicas))

    def _order(self, way: Way, spare: Way | None) -> Iterator[tuple[Way, Candidate]]:
        for by in (way, spare) if spare else (way,):
            for candidate in self._registry.router.order(endpoints=by.replicas, prefix=self._passage.prefix):
                yield by, candidate

    def _dispatched(self, way: Way, candidate: Candidate) -> None:
        route, reason = way.route, way.reason
        if way.stands_in:
            route, reason = way.name, OVERFLOW
        self._meter.dispatch(deployment=candidate.endpoint.name, route=route, reason=reason)

    async def _whole(self, engine: EngineEndpoint) -> None:
        limits = self._pool.limits
        exchange = await self._send(engine, within=limits.whole, limit=f"no answer in {limits.whole:g} s")
        try:
            raw = await exchange.whole(most_bytes=limits.answer_bytes)
        finally:
            exchange.end()
        answer, usage = normalise_whole(
            raw=raw,
            where=engine.base_url,
            model=self._passage.model,
            preopened=preopens_reasoning(endpoint=engine),
        )
        if len(self._told) > 1:
            answer["karez"] = self._told
        self._meter.given(usage=usage)
        await self._reply.json(answer)

    async def _stream(self, candidate: Candidate) -> None:
        engine, limits, reply = candidate.endpoint, self._pool.limits, self._reply
        exchange = await self._send(
            engine,
            within=limits.first_token,
            limit=f"no first token in {limits.first_token:g} s",
            # Only vLLM is known to count with each chunk, and only vLLM tells how many it has running.
            counting=candidate.running is not None,
        )
        normaliser = StreamNormaliser(
            where=engine.base_url,
            model=self._passage.model,
            wants_usage=self._passage.wants_usage,
            preopened=preopens_reasoning(endpoint=engine),
            told=self._told if len(self._told) > 1 else None,
        )
        silence = f"silent for {limits.idle:g} s"
        try:
            while data := await exchange.read():
                events = normaliser.feed(data)
                self._meter.counted(usage=normaliser.usage, pieces=normaliser.pieces)
                if events:
                    if not self._answered:
                        self._answered = True
                        candidate.breaker.succeeded()
                    await reply.events(events)
                    exchange.expect(within=limits.idle, limit=silence)
            last = normaliser.finish()
        finally:
            exchange.end()
            self._meter.counted(usage=normaliser.counted(), pieces=normaliser.pieces)
        self._meter.settle(outcome="given")
        await reply.events(last)
        await reply.end()

    async def _send(
        self, engine: EngineEndpoint, *, within: float, limit: str, counting: bool = False
    ) -> Exchange:
        passage = self._passage
        body = forwarded_body(
            body=passage.body, model=engine.model, stream=passage.streamed, counting=counting
        )
        return await self._pool.send(
            target=target_of(endpoint=engine), path=passage.path, body=body, within=within, limit=limit
        )


@lru_cache(maxsize=1024)
def told_of(
    deployment: str, route: str, reason: str, overflow_from: str
) -> tuple[Mapping[str, str], Headers]:
    """What the client is told of who answered: `deployment`, for a choice that was left open `route` and `reason`, and for a
    stand-in `overflow_from`. The same as headers for who does not read the body: names may have any characters, headers may
    not."""
    said = {"route": route, "reason": reason, "overflow_from": overflow_from}
    told = {"deployment": deployment} | {name: value for name, value in said.items() if value}
    headers = [
        (b"x-karez-" + name.replace("_", "-").encode(), quote(value, safe=" :/@+").encode())
        for name, value in told.items()
    ]
    return told, headers
