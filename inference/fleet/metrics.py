"""vLLM's ``/metrics``: Prometheus' text, of which a handful of names matter.

Read by hand: an engine's page has a thousand lines of histograms, and the client library would make objects of them all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from inference.endpoints import EngineEndpoint
from inference.errors import EngineUnavailable
from inference.fleet.loads import Loads
from inference.http import authorization, transport_error

ScrapedLoads = Mapping[str, Loads]
# Of a server that has no such page, or none of vLLM's names on it.
NO_LOADS: ScrapedLoads = {}

_MOST_BYTES = 4 * 1024**2
_MODEL = re.compile(r'(?:^|,)\s*model_name="((?:[^"\\]|\\.)*)"')
_LINE = re.compile(r"(vllm:[a-z_]+)(?:\{(.*)\})?\s+(\S+)")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

_Change = Callable[[Loads, float], Loads]
# vLLM 0.32's names; the older ones (gpu_…) are those of engines that trail, as Ascend's do.
_READ: Mapping[str, _Change] = {
    "vllm:num_requests_running": lambda loads, value: replace(loads, running=loads.running + int(value)),
    "vllm:num_requests_waiting": lambda loads, value: replace(loads, waiting=loads.waiting + int(value)),
    "vllm:kv_cache_usage_perc": lambda loads, value: _fuller(loads, value),
    "vllm:gpu_cache_usage_perc": lambda loads, value: _fuller(loads, value),
    "vllm:prefix_cache_queries_total": lambda loads, value: _queried(loads, value),
    "vllm:gpu_prefix_cache_queries_total": lambda loads, value: _queried(loads, value),
    "vllm:prefix_cache_hits_total": lambda loads, value: _hit(loads, value),
    "vllm:gpu_prefix_cache_hits_total": lambda loads, value: _hit(loads, value),
    "vllm:prompt_tokens_total": lambda loads, value: replace(loads, tokens=loads.tokens + int(value)),
    "vllm:generation_tokens_total": lambda loads, value: replace(loads, tokens=loads.tokens + int(value)),
}


def read_loads(*, text: str) -> ScrapedLoads:
    """By the name of the model. Engines of one server (data parallel) are added up; what is malformed is passed over."""
    found: dict[str, Loads] = {}
    for model, name, value in _samples(text):
        found[model] = _READ[name](found.get(model, Loads()), value)
    return found


def loads_of(*, scraped: ScrapedLoads, model: str) -> Loads | None:
    """Of the model; where the server has one model alone it may go by another of its names. None when it is not told."""
    if model in scraped or len(scraped) != 1:
        return scraped.get(model)
    return next(iter(scraped.values()))


async def scrape(
    *, endpoint: EngineEndpoint, http: httpx.AsyncClient, timeout_seconds: float
) -> ScrapedLoads:
    """What the server tells now; ``NO_LOADS`` where it has no metrics. Raises EngineUnavailable for one that is not reached."""
    where = metrics_url(base_url=endpoint.base_url)
    headers = authorization(api_key=endpoint.api_key)
    try:
        async with http.stream("GET", where, headers=headers, timeout=timeout_seconds) as response:
            if response.status_code >= 500:
                raise EngineUnavailable(f"{where}: HTTP {response.status_code}")
            if response.status_code >= 300:
                return NO_LOADS
            text = await _text(response)
    except httpx.HTTPError as error:
        raise transport_error(error=error, where=where) from error
    return read_loads(text=text)


def metrics_url(*, base_url: str) -> str:
    """Beside the OpenAI paths: ``http://host/r1/v1`` has them at ``http://host/r1/metrics``."""
    parts = urlsplit(base_url)
    return parts._replace(path=f"{parts.path.rstrip('/').removesuffix('/v1')}/metrics").geturl()


async def _text(response: httpx.Response) -> str:
    """The beginning, of a page without end."""
    parts, size = [], 0
    async for piece in response.aiter_bytes():
        parts.append(piece)
        size += len(piece)
        if size > _MOST_BYTES:
            break
    return b"".join(parts).decode("utf-8", "replace")


def _samples(text: str) -> Iterator[tuple[str, str, float]]:
    """Model, name and value of what is read."""
    for line in text.splitlines():
        # The cheap question first: nearly every line is a bucket of a histogram.
        if not line.startswith("vllm:") or (found := _LINE.match(line)) is None:
            continue
        name, labels, written = found.groups()
        value = _number(written)
        if name in _READ and value is not None:
            model = _MODEL.search(labels or "")
            yield _unescaped(model[1]) if model else "", name, value


def _number(written: str) -> float | None:
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), value)


def _fuller(loads: Loads, value: float) -> Loads:
    return replace(loads, kv_usage=max(loads.kv_usage or 0.0, min(value, 1.0)))


def _queried(loads: Loads, value: float) -> Loads:
    return replace(loads, prefix_queries=loads.prefix_queries + int(value))


def _hit(loads: Loads, value: float) -> Loads:
    return replace(loads, prefix_hits=loads.prefix_hits + int(value))
