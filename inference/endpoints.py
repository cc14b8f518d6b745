"""Where the engines are: ``KAREZ_ENGINES``, the one setting that names them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import httpx

from inference.errors import EngineUnavailable
from inference.http import authorization, status_error, transport_error

EngineKind = Literal["chat", "embedding", "rerank"]
PromptProfile = Literal["small", "standard"]

_DISCOVERY_TIMEOUT_SECONDS = 5.0
_EMBEDDING_NAMES = (
    "embed",
    "bge-m",
    "bge-s",
    "bge-l",
    "bge-b",
    "e5-",
    "gte-",
    "m3e",
    "text2vec",
    "use-multilingual",
)


@dataclass(frozen=True, slots=True)
class EngineEndpoint:
    """One model on one OpenAI-compatible server.

    ``name`` is what Karez's callers say, ``model`` what the server expects; both are empty until
    ``resolve`` asks the server when the setting gave only a URL. Endpoints of one name are replicas.
    ``profile`` sizes the prompt: ``small`` is about 3 passages of 300 characters, what a CPU model reads in
    seconds. ``preopened_reasoning`` says that the chat template writes ``<think>`` itself, so that the text
    begins inside the reasoning; None decides by the model's name.
    """

    name: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    kind: EngineKind = "chat"
    routes: tuple[str, ...] = ()
    context_tokens: int | None = None
    profile: PromptProfile = "standard"
    preopened_reasoning: bool | None = None
    # The most requests it works on at once (vLLM's max-num-seqs, for each rank); None where nobody has said.
    capacity: int | None = None
    # The deployment or route that stands in while this one is full or away; empty for none.
    overflow_to: str = ""
    # Whether the setting says the kind itself: then no name of a model overrules it.
    kind_given: bool = False


def parse_endpoints(*, value: str, default_api_key: str = "") -> tuple[EngineEndpoint, ...]:
    """Read the setting: URLs separated by commas, or a JSON list of objects.

    An object has the fields of ``EngineEndpoint`` (``base_url`` may be written ``url``; ``name``, ``model``
    default to each other). Raises ``ValueError`` naming the entry and the field.
    """
    text = value.strip()
    if not text:
        return ()
    if text[0] in "[{":
        return _from_json(text, default_api_key)
    urls = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(
        EngineEndpoint(
            name="", base_url=checked_url(url, f"KAREZ_ENGINES[{i}]"), model="", api_key=default_api_key
        )
        for i, url in enumerate(urls)
    )


def _from_json(text: str, default_api_key: str) -> tuple[EngineEndpoint, ...]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ValueError(f"KAREZ_ENGINES is not valid JSON: {error}") from error
    rows = [rows] if isinstance(rows, dict) else rows
    return tuple(_from_row(row, f"KAREZ_ENGINES[{i}]", default_api_key) for i, row in enumerate(rows))


def _from_row(row: Any, where: str, default_api_key: str) -> EngineEndpoint:
    if not isinstance(row, dict):
        raise ValueError(f"{where} must be an object, not {type(row).__name__}")
    values = {("base_url" if key == "url" else key): value for key, value in row.items()}
    allowed = {each.name for each in fields(EngineEndpoint)} - {"kind_given"}
    if unknown := sorted(set(values) - allowed):
        raise ValueError(f"{where}.{unknown[0]} is not a field; there are: {', '.join(sorted(allowed))}")
    if "base_url" not in values:
        raise ValueError(f"{where}.base_url is missing")
    model = _text(values, "model", where) or _text(values, "name", where)
    return EngineEndpoint(
        name=_text(values, "name", where) or model,
        base_url=checked_url(_text(values, "base_url", where), f"{where}.base_url"),
        model=model,
        api_key=_text(values, "api_key", where) or default_api_key,
        kind=_choice(values, "kind", get_args(EngineKind), where) or guess_kind(model=model),
        routes=_routes(values, where),
        context_tokens=_positive(values, "context_tokens", where),
        profile=_choice(values, "profile", get_args(PromptProfile), where) or "standard",
        preopened_reasoning=_optional_bool(values, "preopened_reasoning", where),
        capacity=_positive(values, "capacity", where),
        overflow_to=_text(values, "overflow_to", where),
        kind_given=values.get("kind") is not None,
    )


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    found = values.get(name, "")
    if not isinstance(found, str):
        raise ValueError(f"{where}.{name} must be text, not {found!r}")
    return found.strip()


def _choice(values: Mapping[str, Any], name: str, allowed: Sequence[str], where: str) -> Any:
    found = values.get(name)
    if found is not None and found not in allowed:
        raise ValueError(f"{where}.{name} must be one of {', '.join(allowed)}, not {found!r}")
    return found


def _routes(values: Mapping[str, Any], where: str) -> tuple[str, ...]:
    found = values.get("routes", [])
    if not isinstance(found, list) or not all(isinstance(route, str) and route for route in found):
        raise ValueError(f"{where}.routes must be a list of names, not {found!r}")
    return tuple(found)


def _positive(values: Mapping[str, Any], name: str, where: str) -> int | None:
    found = values.get(name)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int) or found < 1):
        raise ValueError(f"{where}.{name} must be a positive whole number, not {found!r}")
    return found


def _optional_bool(values: Mapping[str, Any], name: str, where: str) -> bool | None:
    found = values.get(name)
    if found is not None and not isinstance(found, bool):
        raise ValueError(f"{where}.{name} must be true or false, not {found!r}")
    return found


def checked_url(url: str, where: str) -> str:
    """The URL without its last slash, ``/v1`` added to a bare host.

    Raises ``ValueError`` that names ``where`` and does not repeat the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"{where} is not a URL: {error}") from error
    if not usable:
        raise ValueError(f"{where} is not an http or https URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{where} has credentials, a query or a fragment; put the key in api_key")
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}/v1"


def guess_kind(*, model: str) -> EngineKind:
    """What a model is for, by its name; a wrong guess is corrected by ``kind`` in the setting."""
    lowered = model.lower()
    if "rerank" in lowered:
        return "rerank"
    return "embedding" if any(part in lowered for part in _EMBEDDING_NAMES) else "chat"


def guess_routes(*, model: str) -> tuple[str, ...]:
    """The public routes a chat model stands behind: R1 and its kin reason, everything else chats."""
    return ("reasoner",) if reasons(model=model) else ("chat", "auto")


def reasons(*, model: str) -> bool:
    """Whether the name is that of a model that thinks before it answers."""
    words = model.lower().replace("/", "-").replace("_", "-").split("-")
    return any(word in ("r1", "reasoner", "qwq", "thinking") for word in words)


async def discover(
    *,
    endpoint: EngineEndpoint,
    http: httpx.AsyncClient | None = None,
    timeout_seconds: float = _DISCOVERY_TIMEOUT_SECONDS,
) -> tuple[str, ...]:
    """The ids of ``GET /models``, in the server's order. Raises the ``EngineError`` family."""
    listed = await _listed(endpoint=endpoint, http=http, timeout_seconds=timeout_seconds)
    return tuple(name for name, _longest in listed)


async def _listed(
    *, endpoint: EngineEndpoint, http: httpx.AsyncClient | None, timeout_seconds: float
) -> list[tuple[str, int | None]]:
    """With vLLM's ``max_model_len``, where the server tells it."""
    where = f"{endpoint.base_url}/models"
    owned = http or httpx.AsyncClient(trust_env=False)
    try:
        response = await owned.get(
            where, headers=authorization(api_key=endpoint.api_key), timeout=timeout_seconds
        )
    except httpx.HTTPError as error:
        raise transport_error(error=error, where=where) from error
    finally:
        if http is None:
            await owned.aclose()
    if response.status_code >= 400:
        raise status_error(
            status=response.status_code, body=response.content, headers=response.headers, where=where
        )
    try:
        return [(str(row["id"]), _length(row.get("max_model_len"))) for row in response.json()["data"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(f"{where}: not an OpenAI model list") from error


def _length(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


async def resolve(
    *, endpoints: Sequence[EngineEndpoint], http: httpx.AsyncClient | None = None
) -> tuple[EngineEndpoint, ...]:
    """Replace each endpoint without a model by one for every model its server offers.

    Chat models that no route was given for get the routes of their kind. Endpoints that name a model pass
    unchanged and unasked.
    """
    resolved: list[EngineEndpoint] = []
    for endpoint in endpoints:
        if endpoint.model:
            resolved.append(endpoint)
            continue
        listed = await _listed(endpoint=endpoint, http=http, timeout_seconds=_DISCOVERY_TIMEOUT_SECONDS)
        for model, longest in listed:
            kind = endpoint.kind if endpoint.kind_given else guess_kind(model=model)
            routes = endpoint.routes or (guess_routes(model=model) if kind == "chat" else ())
            context = endpoint.context_tokens or longest
            resolved.append(
                replace(endpoint, name=model, model=model, kind=kind, routes=routes, context_tokens=context)
            )
    return tuple(resolved)
