"""What clients send, read and checked."""

import json
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from controlplane.api.openai.errors import BadRequest, body_too_large
from controlplane.core.problems import InvalidInput

# Of a question that is answered from documents, with the conversation before it.
MOST_BYTES = 1024 * 1024
# Of what goes to an engine: 163,840 tokens, each character written as \uXXXX, and pictures.
MOST_PASSED_BYTES = 8 * 1024 * 1024
LONGEST_MODEL, MOST_MESSAGES = 200, 1000
M = TypeVar("M", bound=BaseModel)


class _Open(BaseModel):
    """Fields that are not ours to know go on to the engine."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


class ContentPart(_Open):
    type: str
    text: str | None = None


class ChatMessage(_Open):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class StreamOptions(_Open):
    include_usage: bool = False


class Draft(BaseModel):
    """An assistant as it is being edited; what is left out is as it was saved."""

    model_config = ConfigDict(strict=True, extra="forbid")

    instructions: str | None = Field(default=None, max_length=20_000)
    knowledge_bases: list[UUID] | None = Field(default=None, max_length=50)
    route: str | None = Field(default=None, min_length=1, max_length=100)
    top_k: int | None = Field(default=None, ge=1, le=50)


class KarezOptions(BaseModel):
    """The extension: what to answer from, which conversation goes on, and, for who looks after an assistant, trying it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    knowledge_bases: list[UUID] | None = Field(default=None, max_length=50)
    top_k: int | None = Field(default=None, ge=1, le=50)
    conversation_id: UUID | None = None
    regenerate: bool = False
    trace: bool = False
    draft: Draft | None = None


Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Tokens = Annotated[int, Field(ge=1)]


class ChatRequest(_Open):
    model: str = Field(min_length=1, max_length=LONGEST_MODEL)
    messages: list[ChatMessage] = Field(max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    karez: KarezOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    user: str | None = Field(default=None, max_length=200)

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class CompletionRequest(_Open):
    model: str = Field(min_length=1, max_length=200)
    prompt: str | list[str] | list[int] | list[list[int]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class EmbeddingRequest(_Open):
    model: str = Field(min_length=1, max_length=200)
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)


class RerankRequest(_Open):
    model: str = Field(min_length=1, max_length=200)
    query: str
    documents: list[str | dict[str, Any]] = Field(min_length=1, max_length=1000)
    top_n: int | None = Field(default=None, ge=1)


async def read_body(request: Request, shape: type[M]) -> tuple[M, dict[str, Any]]:
    """The body as the shape says, and as it was sent. Raises TooLarge, BadRequest, InvalidInput naming the field."""
    return parse_body(await _bytes(request), shape)


def parse_body(raw: bytes, shape: type[M]) -> tuple[M, dict[str, Any]]:
    """As `read_body`, of a body that has been received."""
    if len(raw) > MOST_BYTES:
        raise body_too_large(MOST_BYTES)
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            code="invalid_json", detail=_("The body is not JSON: %(error)s") % {"error": error}
        ) from error
    if not isinstance(sent, dict):
        raise BadRequest(code="invalid_json", detail=_("The body must be a JSON object."))
    try:
        return shape.model_validate_json(raw), sent
    except ValidationError as error:
        raise invalid(error) from error


async def _bytes(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BYTES:
        raise body_too_large(MOST_BYTES)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise body_too_large(MOST_BYTES)
    return bytes(body)


def invalid(error: ValidationError) -> InvalidInput:
    """The first of the fields that are not as they must be."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    detail = _("“%(field)s” is required.") if first["type"] == "missing" else _("“%(field)s”: %(error)s.")
    return InvalidInput(
        code="invalid_field", field=field, detail=detail % {"field": field, "error": first["msg"]}
    )
