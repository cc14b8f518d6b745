"""One model of the catalogue: what its data file may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from inference.catalogue.architecture import Architecture
from inference.catalogue.licences import LicenceTerms
from inference.catalogue.parts import (
    Bilingual,
    Count,
    Key,
    PartialDate,
    Repository,
    Source,
    Table,
    Text,
    Version,
)
from inference.catalogue.sizes import (
    Parameters,
    Precision,
    count_parameters,
    kv_bytes_per_token,
    weight_bytes,
)
from inference.endpoints import EngineKind

# What an accelerator must be able to do for a set of weights: compute in FP8, FP4 or INT8, unpack INT4, be an Ascend
# NPU with vllm-ascend, or be a processor with AVX2.
Feature = Literal["fp8", "fp4", "int8", "int4", "ascend", "avx2"]
Thinking = Literal["always", "switchable", "never"]
SystemPrompt = Literal["supported", "discouraged", "unsupported"]


class Released(Table):
    """The day, or as much of it as the source tells."""

    date: PartialDate
    source: Text


class Context(Table):
    """``tokens`` is what the model's config allows and wins; ``published`` is what the publisher promises."""

    tokens: Count
    source: Text
    published: Count | None = None
    published_source: Text | None = None

    @model_validator(mode="after")
    def _sourced(self) -> Context:
        if (self.published is None) != (self.published_source is None):
            raise ValueError("published and published_source go together")
        if self.published is not None and self.published > self.tokens:
            raise ValueError(f"published ({self.published}) is more than the config's tokens ({self.tokens})")
        return self


class PublishedParameters(Table):
    """What the publisher says, rounded as it says it; ``sizes`` counts exactly."""

    total: Count
    active: Count | None = None
    source: Text


class Weights(Table):
    """One form in which the model can be had.

    ``bytes`` is the size of the checkpoint where a source gives it (``rounded``: in whole megabytes or worse). ``needs`` are
    features that the accelerator must have. ``mtp``: the layers for multi-token prediction are part of it.
    ``names`` are further names under which an engine reports it. Without ``repository`` somebody has to make it.
    """

    precision: Precision
    repository: Repository | None = None
    hub: Literal["huggingface", "modelscope", "pypi"] = "huggingface"
    names: tuple[Text, ...] = ()
    bytes: Count | None = None
    rounded: bool = False
    mtp: bool = False
    needs: tuple[Feature, ...] = ()
    needs_source: Text | None = None
    note: Bilingual | None = None
    source: Text

    @model_validator(mode="after")
    def _sourced(self) -> Weights:
        if bool(self.needs) != (self.needs_source is not None):
            raise ValueError("needs and needs_source go together")
        if self.rounded and self.bytes is None:
            raise ValueError("rounded says something about bytes, which are missing")
        return self


class Parser(Table):
    """A parser of vLLM. ``minimum`` is the oldest version whose documentation lists it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    minimum: Version | None = None
    template: Text | None = None
    source: Text


class Vllm(Table):
    """How vLLM serves it; ``minimum`` is the oldest version that the source recommends or documents."""

    minimum: Version | None = None
    source: Text
    reasoning_parser: Parser | None = None
    tool_parser: Parser | None = None


class Chat(Table):
    """Traits of the chat template.

    ``preopened_think``: the template writes ``<think>`` itself, so that an answer begins inside the reasoning; with
    ``thinking = "switchable"`` only while thinking. ``switch`` is the key of ``chat_template_kwargs``.
    What no source tells is left out (None).
    """

    thinking: Thinking
    switch: Text | None = None
    preopened_think: bool | None = None
    system_prompt: SystemPrompt | None = None
    tools_while_thinking: bool | None = None
    source: Text
    template_source: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Chat:
        if (self.thinking == "switchable") != (self.switch is not None):
            raise ValueError('switch belongs to thinking = "switchable", and only to it')
        if (self.preopened_think is None) != (self.template_source is None):
            raise ValueError("preopened_think and template_source go together")
        return self


class Sampling(Table):
    """What the publisher recommends for answers."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    temperature_range: tuple[float, float] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    source: Text
    top_p_source: Text | None = None

    @model_validator(mode="after")
    def _inside(self) -> Sampling:
        if self.temperature_range is not None:
            low, high = self.temperature_range
            if not low <= self.temperature <= high:
                raise ValueError("temperature lies outside temperature_range")
        return self


class Embedding(Table):
    """``max_tokens`` is what one vector can represent; left out when nothing is cut off."""

    dimension: Count
    max_tokens: Count | None = None
    source: Text


class Score(Table):
    """``mode`` tells two ways of one model apart (``thinking``, ``non-thinking``)."""

    benchmark: Text
    metric: Text
    value: float
    mode: Text | None = None


class Results(Table):
    """Published results of one source."""

    source: Text
    note: Text | None = None
    scores: Annotated[tuple[Score, ...], Field(min_length=1)]


class ModelEntry(Table):
    """A model, with a source behind every number. ``sources`` are named by the tables; each has a user."""

    id: Key
    name: Text
    publisher: Text
    family: Key
    kind: EngineKind
    bundled: bool = False
    purpose: Bilingual
    released: Released | None = None
    licence: LicenceTerms
    architecture: Architecture | None = None
    context: Context | None = None
    parameters: PublishedParameters | None = None
    weights: Annotated[tuple[Weights, ...], Field(min_length=1)]
    vllm: Vllm | None = None
    chat: Chat | None = None
    sampling: Sampling | None = None
    embedding: Embedding | None = None
    results: tuple[Results, ...] = ()
    sources: dict[Key, Source]

    @property
    def counted(self) -> Parameters | None:
        """Exact counts; None where the architecture is not described."""
        return count_parameters(architecture=self.architecture) if self.architecture else None

    def kv_bytes_per_token(self, *, element_bytes: int = 2) -> int | None:
        """See ``sizes.kv_bytes_per_token``; None where the architecture is not described."""
        if self.architecture is None:
            return None
        return kv_bytes_per_token(architecture=self.architecture, element_bytes=element_bytes)

    def bytes_of(self, weights: Weights) -> int | None:
        """The published size of these weights, else the computed one; None when neither is known."""
        return weights.bytes or self.computed_bytes(weights)

    def computed_bytes(self, weights: Weights) -> int | None:
        """The size that follows from the architecture; None for formats without a rule."""
        if self.architecture is None:
            return None
        return weight_bytes(architecture=self.architecture, precision=weights.precision, mtp=weights.mtp)
