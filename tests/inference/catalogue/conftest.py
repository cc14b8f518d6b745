"""A data file that is right, to be spoiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SOUND = """
id = "house-7b"
name = "House 7B"
publisher = "Ours"
family = "house"
kind = "chat"

[purpose]
en = "Fine-tuned on our own manuals."
zh = "以本单位手册微调。"

[licence]
weights = "Apache-2.0"
source = "card"

[architecture]
type = "Qwen2ForCausalLM"
layers = 28
hidden = 3584
intermediate = 18944
vocabulary = 152064
source = "card"

[architecture.attention]
kind = "gqa"
heads = 28
kv_heads = 4
head_dim = 128
qkv_bias = true

[context]
tokens = 32768
source = "card"

[parameters]
total = 7_600_000_000
source = "card"

[[weights]]
precision = "bf16"
repository = "house/House-7B"
source = "card"

[chat]
thinking = "never"
source = "card"

[sources.card]
title = "Our own card"
url = "https://models.example.org/house-7b"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A second folder of data files."""
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write the sound file with replacements, each of which must apply."""

    def _write(*replacements: tuple[str, str], name: str = "house.toml") -> Path:
        text = SOUND
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        file = folder / name
        file.write_text(text, "utf-8")
        return file

    return _write
