"""Texts to vectors over ``/v1/embeddings``: blocking for workers, awaitable for the web."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from inference.embedding.model import EmbeddingModel, Purpose
from inference.embedding.protocol import Vectors, described, request_body, vectors_from
from inference.errors import EngineError, EngineUnavailable, UnknownModel
from inference.http import authorization, status_error, transport_error


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """A request has at most ``batch_texts`` texts and about ``batch_characters`` characters.

    ``timeout_seconds`` covers one request; a batch of long passages on one CPU core takes tens of seconds.
    ``attempts`` counts the first one; between two lie ``backoff_seconds``, doubled each time, or what the
    server's ``Retry-After`` says, up to ``longest_wait_seconds``.
    """

    batch_texts: int = 64
    batch_characters: int = 32_000
    connect_seconds: float = 5.0
    timeout_seconds: float = 120.0
    attempts: int = 4
    backoff_seconds: float = 0.5
    longest_wait_seconds: float = 30.0


class EmbeddingClient:
    """One embedding model on one server. Raises the ``EngineError`` family.

    ``embed`` is for threads, ``aembed`` for an event loop; both give the same vectors. ``EngineUnavailable``
    is retried here, so callers see it only after the last attempt.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: EmbeddingModel,
        api_key: str = "",
        limits: EmbeddingLimits | None = None,
    ) -> None:
        self.model = model
        self.limits = limits or EmbeddingLimits()
        self._base_url = base_url.rstrip("/")
        self._where = f"{self._base_url}/embeddings"
        self._headers = authorization(api_key=api_key)
        self._timeout = httpx.Timeout(self.limits.timeout_seconds, connect=self.limits.connect_seconds)
        self._sync: httpx.Client | None = None
        self._async: httpx.AsyncClient | None = None

    def embed(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """``(len(texts), dimension)`` float32, rows of length 1, in order."""
        parts = [self._embed_batch(batch, purpose) for batch in self._batches(texts)]
        return self._joined(parts)

    async def aembed(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """As ``embed``, without blocking the event loop."""
        parts = [await self._aembed_batch(batch, purpose) for batch in self._batches(texts)]
        return self._joined(parts)

    def describe(self) -> EmbeddingModel:
        """The model as the server states it: with its version, where the server is Karez's own.

        Raises ``UnknownModel`` when the server does not offer the model.
        """
        where = f"{self._base_url}/models"
        try:
            response = self._sync_http().get(where, headers=self._headers, timeout=self._timeout)
            rows = self._checked(response, where)["data"]
        except httpx.HTTPError as error:
            raise transport_error(error=error, where=where) from error
        for row in rows:
            if row["id"] == self.model.name:
                return described(row=row, base=self.model)
        known = [str(row["id"]) for row in rows]
        raise UnknownModel(f"{where} offers {', '.join(known)}, not {self.model.name}", known=known)

    def close(self) -> None:
        """Close the blocking connections."""
        if self._sync:
            self._sync.close()
            self._sync = None

    async def aclose(self) -> None:
        """Close the awaitable connections."""
        if self._async:
            await self._async.aclose()
            self._async = None

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        characters = 0
        for text in texts:
            full = len(batch) >= self.limits.batch_texts
            if batch and (full or characters + len(text) > self.limits.batch_characters):
                yield batch
                batch, characters = [], 0
            batch.append(text)
            characters += len(text)
        if batch:
            yield batch

    def _joined(self, parts: list[Vectors]) -> Vectors:
        return np.concatenate(parts) if parts else np.empty((0, self.model.dimension), dtype=np.float32)

    def _embed_batch(self, batch: list[str], purpose: Purpose) -> Vectors:
        body = request_body(model=self.model, texts=batch, purpose=purpose)
        for attempt in range(self.limits.attempts):
            try:
                response = self._sync_http().post(
                    self._where, json=body, headers=self._headers, timeout=self._timeout
                )
                return self._vectors(response, len(batch))
            except (httpx.HTTPError, EngineUnavailable) as error:
                time.sleep(self._pause_or_raise(error, attempt))
        raise AssertionError("the last attempt either returns or raises")

    async def _aembed_batch(self, batch: list[str], purpose: Purpose) -> Vectors:
        body = request_body(model=self.model, texts=batch, purpose=purpose)
        for attempt in range(self.limits.attempts):
            try:
                response = await self._async_http().post(
                    self._where, json=body, headers=self._headers, timeout=self._timeout
                )
                return self._vectors(response, len(batch))
            except (httpx.HTTPError, EngineUnavailable) as error:
                await asyncio.sleep(self._pause_or_raise(error, attempt))
        raise AssertionError("the last attempt either returns or raises")

    def _pause_or_raise(self, error: httpx.HTTPError | EngineUnavailable, attempt: int) -> float:
        failure = error
        if isinstance(failure, httpx.HTTPError):
            failure = transport_error(error=failure, where=self._where)
        if attempt + 1 >= self.limits.attempts:
            raise failure from error
        wait = failure.retry_after
        if wait is None:
            wait = self.limits.backoff_seconds * 2.0**attempt
        return min(wait, self.limits.longest_wait_seconds)

    def _vectors(self, response: httpx.Response, count: int) -> Vectors:
        body = self._checked(response, self._where)
        return vectors_from(body=body, model=self.model, count=count, where=self._where)

    def _checked(self, response: httpx.Response, where: str) -> Any:
        if response.status_code >= 400:
            error: EngineError = status_error(
                status=response.status_code, body=response.content, headers=response.headers, where=where
            )
            raise error
        try:
            return response.json()
        except ValueError as error:
            raise EngineUnavailable(f"{where}: the answer is not JSON") from error

    def _sync_http(self) -> httpx.Client:
        if self._sync is None:
            self._sync = httpx.Client(trust_env=False)
        return self._sync

    def _async_http(self) -> httpx.AsyncClient:
        if self._async is None:
            self._async = httpx.AsyncClient(trust_env=False)
        return self._async
