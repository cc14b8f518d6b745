"""A count without the tokenizer never says more than there is."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.context import cannot_exceed, least_tokens
from tests.inference.conftest import RunningServer

# The pre-tokenizer of Qwen2.5 and Llama 3 (their tokenizer.json), without its contractions, in Python's terms.
SPLIT = re.compile(
    r"[^\r\n\w]?[^\W\d_]+|\d{1,3}| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@given(text=st.text(alphabet=st.sampled_from("ab Z9_.,\n\t中文é<|>-"), max_size=200))
def test_never_more_than_the_pieces_that_tokenizers_cut(text: str) -> None:
    pieces = SPLIT.findall(text)
    assert "".join(pieces) == text
    # A piece of letters may be several tokens, never less than one.
    assert least_tokens(body=body(text), enough=10**6) <= sum(-(-len(piece) // 32) for piece in pieces)
    if cannot_exceed(size=len(text.encode()), limit=20):
        assert least_tokens(body=body(text), enough=10**6) <= 20


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        (body("one two three"), 3),
        (body("1234567"), 3),
        (body("年假三天。病假五天。"), 2),
        (body("x" * 320), 10),
        (body("-" * 1000), 0),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a b"}, {"type": "image_url"}]}
                ]
            },
            2,
        ),
        ({"prompt": "a b c"}, 3),
        ({"prompt": [1, 2, 3]}, 0),
        ({"messages": "nonsense"}, 0),
        ({"messages": [3, {"content": None}]}, 0),
    ],
)
def test_what_is_counted(sent: dict[str, Any], count: int) -> None:
    assert least_tokens(body=sent, enough=10**6) == count


def test_counting_stops_when_it_is_enough() -> None:
    begun = time.process_time()
    assert least_tokens(body=body("a " * 4_000_000), enough=1000) == 1001
    assert time.process_time() - begun < 0.1


def test_against_a_real_tokenizer(llama: RunningServer) -> None:
    """On what people ask and on what they do not."""
    texts = [
        "How many days of leave are there?",
        "单笔授信超过五千万元的由谁审批？",
        "1234567 8.5%",
        "中国人民银行" * 60,
    ]
    for text in [*texts, "def f(x):\n    return x_1 + 'a'\n" * 20, "internationalization " * 50]:
        asked = {"model": "small", "prompt": text, "max_tokens": 1}
        answer = httpx.post(
            f"{llama.address}/v1/completions",
            json=asked,
            headers={"Authorization": "Bearer test-key"},
            timeout=60,
            trust_env=False,
        )
        counted = answer.raise_for_status().json()["usage"]["prompt_tokens"]
        assert 0 < least_tokens(body=body(text), enough=10**6) <= counted
