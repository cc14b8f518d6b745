"""The shape of a model, as its own config tells it. Sizes that follow from it are in ``sizes``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from inference.catalogue.parts import Count, Table, Text


class LatentAttention(Table):
    """Multi-head latent attention (MLA): keys and values are cached as one compressed vector a token.

    Shapes of the projections: ``MLA`` in ``inference/model.py`` of deepseek-ai/DeepSeek-V3 and section 2.1 of
    the DeepSeek-V2 report (arXiv:2405.04434).
    """

    kind: Literal["mla"]
    heads: Count
    q_lora_rank: Count
    kv_lora_rank: Count
    qk_nope_head_dim: Count
    qk_rope_head_dim: Count
    v_head_dim: Count

    @property
    def kv_heads(self) -> int:
        """The latent is shared by all heads: tensor parallelism copies it instead of dividing it."""
        return 1

    @property
    def cached_elements(self) -> int:
        """Elements that a token leaves in the cache of a layer: the latent and the decoupled rotary key."""
        return self.kv_lora_rank + self.qk_rope_head_dim

    def projections(self, hidden: int) -> int:
        """Parameters of the five matrices of a layer."""
        query = hidden * self.q_lora_rank + self.q_lora_rank * self.heads * (
            self.qk_nope_head_dim + self.qk_rope_head_dim
        )
        key_value = hidden * self.cached_elements + self.kv_lora_rank * self.heads * (
            self.qk_nope_head_dim + self.v_head_dim
        )
        return query + key_value + self.heads * self.v_head_dim * hidden

    def small(self, hidden: int) -> int:
        """The norms of the two latents."""
        return self.q_lora_rank + self.kv_lora_rank


class GroupedAttention(Table):
    """Grouped-query attention, as in Llama and Qwen2 (``qkv_bias``). ``kv_heads == heads`` is plain attention."""

    kind: Literal["gqa"]
    heads: Count
    kv_heads: Count
    head_dim: Count
    qkv_bias: bool = False

    @property
    def cached_elements(self) -> int:
        """A key and a value for each of the key-value heads."""
        return 2 * self.kv_heads * self.head_dim

    def projections(self, hidden: int) -> int:
        """Query and output, key and value."""
        return 2 * hidden * (self.heads + self.kv_heads) * self.head_dim

    def small(self, hidden: int) -> int:
        """The biases of query, key and value."""
        return (self.heads + 2 * self.kv_heads) * self.head_dim if self.qkv_bias else 0

    @model_validator(mode="after")
    def _groups(self) -> GroupedAttention:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) is no multiple of kv_heads ({self.kv_heads})")
        return self


class EncoderAttention(Table):
    """Attention of BERT and XLM-RoBERTa, over the whole text at once: nothing is cached."""

    kind: Literal["encoder"]
    heads: Count

    @property
    def kv_heads(self) -> int:
        """As many as heads."""
        return self.heads

    @property
    def cached_elements(self) -> int:
        """Nothing."""
        return 0

    def projections(self, hidden: int) -> int:
        """Query, key, value and output, each as wide as the model."""
        return 4 * hidden * hidden

    def small(self, hidden: int) -> int:
        """Their biases."""
        return 4 * hidden


Attention = Annotated[LatentAttention | GroupedAttention | EncoderAttention, Field(discriminator="kind")]


class Experts(Table):
    """Mixture of experts in place of the feed-forward of every layer after the first ``dense_layers``."""

    routed: Count
    active: Count
    shared: int = Field(ge=0)
    intermediate: Count
    dense_layers: int = Field(ge=0)
    groups: Count = 1
    active_groups: Count = 1

    def expert(self, hidden: int) -> int:
        """Parameters of one expert: gate, up and down."""
        return 3 * hidden * self.intermediate

    def router(self, hidden: int) -> int:
        """The gate of a layer; its correction bias is a buffer and not counted."""
        return hidden * self.routed

    @model_validator(mode="after")
    def _possible(self) -> Experts:
        if self.active > self.routed:
            raise ValueError(f"active ({self.active}) is more than routed ({self.routed})")
        if self.routed % self.groups:
            raise ValueError(f"routed ({self.routed}) is no multiple of groups ({self.groups})")
        if self.active_groups > self.groups:
            raise ValueError(f"active_groups ({self.active_groups}) is more than groups ({self.groups})")
        return self


class Encoder(Table):
    """What an encoder has besides its layers."""

    positions: Count
    token_types: Count
    head: Literal["pooler", "classifier"]


class Architecture(Table):
    """``type`` is the class that the config names. ``mtp_layers`` are the layers for multi-token prediction."""

    type: Text
    layers: Count
    hidden: Count
    intermediate: Count
    vocabulary: Count
    attention: Attention
    tied_embeddings: bool = False
    experts: Experts | None = None
    mtp_layers: int = Field(default=0, ge=0)
    mtp_source: Text | None = None
    encoder: Encoder | None = None
    source: Text

    @model_validator(mode="after")
    def _possible(self) -> Architecture:
        encodes = isinstance(self.attention, EncoderAttention)
        if encodes != (self.encoder is not None):
            raise ValueError('encoder belongs to attention.kind = "encoder", and only to it')
        if bool(self.mtp_layers) != (self.mtp_source is not None):
            raise ValueError("mtp_layers and mtp_source go together")
        if self.experts is not None and self.experts.dense_layers >= self.layers:
            raise ValueError(f"experts.dense_layers leaves none of the {self.layers} layers to the experts")
        if isinstance(self.attention, EncoderAttention) and self.hidden % self.attention.heads:
            raise ValueError(f"hidden ({self.hidden}) is no multiple of attention.heads")
        return self
