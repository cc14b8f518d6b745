"""The short look at everyday requests takes nothing that the full one would refuse, and reads the same from it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.openai.bodies import ChatRequest
from controlplane.api.openai.conversation import check_messages
from controlplane.api.openai.everyday import everyday

ROLES = ["system", "user", "assistant", "developer", "tool", "function", "root", 1, None]
NUMBERS = st.one_of(
    st.integers(-2, 4), st.floats(-1, 3, allow_nan=False), st.booleans(), st.none(), st.just("1")
)
MESSAGES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(ROLES),
                "content": st.one_of(st.text(max_size=5), st.none(), st.just([])),
            },
            optional={"name": st.just("n"), "tool_calls": st.just([])},
        ),
        st.just("message"),
    ),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.one_of(st.text(max_size=3), st.just("m" * 201), st.none()), "messages": MESSAGES},
    optional={
        "stream": st.one_of(st.booleans(), st.none(), st.just(1)),
        "stream_options": st.one_of(
            st.none(),
            st.fixed_dictionaries({}, optional={"include_usage": st.one_of(st.booleans(), st.just(1))}),
        ),
        "temperature": NUMBERS,
        "top_p": NUMBERS,
        "max_tokens": NUMBERS,
        "max_completion_tokens": NUMBERS,
        "n": NUMBERS,
        "stop": st.just(["x"]),
    },
)


@given(REQUESTS)
def test_what_is_taken_at_a_glance_is_taken_in_full(sent: dict[str, Any]) -> None:
    asked = everyday(sent)
    if asked is None:
        return
    read = ChatRequest.model_validate(sent)
    check_messages(read)
    assert asked == (read.model, bool(read.stream), read.wants_usage)


def test_what_clients_usually_send_needs_no_more_than_a_glance() -> None:
    sent = {
        "model": "chat",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "你好"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.6,
        "max_tokens": 100,
    }
    assert everyday(sent) == ("chat", True, True)
