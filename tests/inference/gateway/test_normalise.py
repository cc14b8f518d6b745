"""Reasoning, wherever an engine puts it, in a stream cut anywhere and in a whole answer: one matrix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import EngineUnavailable
from inference.gateway.normalise import StreamNormaliser, forwarded_body, normalise_whole
from inference.gateway.sse import PayloadReader
from inference.messages import Usage
from inference.sse import EventDecoder

THOUGHT, ANSWER = "查第2条：\n年假。", "三年。<b>\n\n1 < 2"
Deltas = list[dict[str, Any]]

# How engines tell of the thought and the answer: the deltas of a stream, the message, and whether the template opened the tag.
PLACES: dict[str, tuple[Deltas, dict[str, Any], bool]] = {
    "reasoning": (
        [{"reasoning": THOUGHT[:3]}, {"reasoning": THOUGHT[3:]}, {"content": ANSWER}],
        {"reasoning": THOUGHT, "content": ANSWER},
        False,
    ),
    "reasoning of R1, whose template opens the tag": (
        [{"reasoning": THOUGHT}, {"content": ANSWER}],
        {"reasoning": THOUGHT, "content": ANSWER},
        True,
    ),
    "reasoning_content": (
        [{"reasoning_content": THOUGHT, "content": None}, {"reasoning_content": None, "content": ANSWER}],
        {"reasoning_content": THOUGHT, "content": ANSWER},
        False,
    ),
    "both": (
        [{"reasoning": THOUGHT, "reasoning_content": THOUGHT}, {"content": ANSWER}],
        {"reasoning": THOUGHT, "reasoning_content": THOUGHT, "content": ANSWER},
        False,
    ),
    "tags": (
        [{"content": c} for c in f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"],
        {"content": f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"},
        False,
    ),
    "tags, and the template opened one that the engine repeats": (
        [{"content": f"<think>{THOUGHT}</think>{ANSWER}"}],
        {"content": f"<think>{THOUGHT}</think>{ANSWER}"},
        True,
    ),
    "opening tag missing": (
        [{"content": THOUGHT + "\n</thi"}, {"content": "nk>\n" + ANSWER}],
        {"content": f"{THOUGHT}\n</think>\n{ANSWER}"},
        True,
    ),
}


def event(choices: Sequence[Any], **more: Any) -> bytes:
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "upstream/Name",
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


def delta(piece: dict[str, Any], reason: str | None = None, index: int = 0) -> bytes:
    return event([{"index": index, "delta": piece, "finish_reason": reason}])


def stream_of(deltas: Deltas) -> bytes:
    return b"".join([delta({"role": "assistant", "content": ""}), *map(delta, deltas), delta({}, "stop")])


def normaliser(*, preopened: bool = False, wants_usage: bool = False) -> StreamNormaliser:
    return StreamNormaliser(
        where="http://e", model="deepseek-r1", wants_usage=wants_usage, preopened=preopened
    )


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    payloads = EventDecoder().feed(data)
    assert payloads[-1] == "[DONE]"
    return [json.loads(payload) for payload in payloads[:-1]]


def told(chunks: list[dict[str, Any]], index: int = 0) -> tuple[str, str, str]:
    deltas = [c["delta"] for chunk in chunks for c in chunk["choices"] if c["index"] == index]
    joined = {
        field: "".join(d.get(field) or "" for d in deltas)
        for field in ("reasoning_content", "reasoning", "content")
    }
    return joined["reasoning_content"], joined["reasoning"], joined["content"]


@pytest.mark.parametrize("place", PLACES)
def test_a_stream(place: str) -> None:
    deltas, _message, preopened = PLACES[place]
    stream = normaliser(preopened=preopened)
    chunks = chunks_of(stream.feed(stream_of(deltas) + b"data: [DONE]\n\n") + stream.finish())
    assert told(chunks) == (THOUGHT, THOUGHT, ANSWER)
    assert {chunk["model"] for chunk in chunks} == {"deepseek-r1"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("place", PLACES)
def test_a_whole_answer(place: str) -> None:
    _deltas, message, preopened = PLACES[place]
    answer = {
        "model": "upstream/Name",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}}],
    }
    given, usage = normalise_whole(
        raw=json.dumps(answer).encode(), where="", model="deepseek-r1", preopened=preopened
    )
    found = given["choices"][0]["message"]
    assert (found["reasoning_content"], found["reasoning"], found["content"]) == (THOUGHT, THOUGHT, ANSWER)
    assert (given["model"], usage) == ("deepseek-r1", None)


@given(
    cuts=st.lists(st.integers(min_value=1, max_value=60), max_size=80), place=st.sampled_from(sorted(PLACES))
)
def test_a_stream_cut_anywhere_reads_the_same(cuts: list[int], place: str) -> None:
    deltas, _message, preopened = PLACES[place]
    data = stream_of(deltas) + b": keep-alive\n\ndata: [DONE]\n\n"
    stream = normaliser(preopened=preopened)
    out = b""
    for cut in cuts:
        out += stream.feed(data[:cut])
        data = data[cut:]
    out += stream.feed(data) + stream.finish()
    assert told(chunks_of(out)) == (THOUGHT, THOUGHT, ANSWER)


@given(data=st.binary(max_size=200), cut=st.integers(min_value=0, max_value=200))
def test_payloads_do_not_depend_on_the_cut(data: bytes, cut: int) -> None:
    framed = b"data: " + data.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n\r\ndata:x\ndata: y\n\n:\n\n"
    whole, pieces = PayloadReader(), PayloadReader()
    assert pieces.feed(framed[:cut]) + pieces.feed(framed[cut:]) == whole.feed(framed)


def test_a_thought_that_is_never_closed_is_no_answer() -> None:
    stream = normaliser(preopened=True)
    out = stream.feed(delta({"content": THOUGHT + "</thi"}) + delta({}, "length")) + stream.finish()
    assert told(chunks_of(out)) == (THOUGHT + "</thi", THOUGHT + "</thi", "")
    whole, _ = normalise_whole(
        raw=json.dumps({"choices": [{"message": {"content": THOUGHT}}]}).encode(),
        where="",
        model="m",
        preopened=True,
    )
    assert whole["choices"][0]["message"] == {
        "content": "",
        "reasoning_content": THOUGHT,
        "reasoning": THOUGHT,
    }


def test_a_tag_inside_an_answer_is_part_of_it() -> None:
    stream = normaliser()
    out = stream.feed(delta({"content": "Use <think>x</think>."}) + delta({}, "stop")) + stream.finish()
    assert told(chunks_of(out)) == ("", "", "Use <think>x</think>.")


def test_choices_are_kept_apart() -> None:
    stream = normaliser()
    data = b"".join(
        delta({"content": piece}, index=index)
        for index, piece in [(0, "<think>a"), (1, "<think>x"), (0, "</think>b"), (1, "</think>y")]
    )
    chunks = chunks_of(stream.feed(data + delta({}, "stop") + delta({}, "stop", index=1)) + stream.finish())
    assert (told(chunks, 0), told(chunks, 1)) == (("a", "a", "b"), ("x", "x", "y"))


def test_tool_calls_logprobs_and_what_nobody_knows_pass_through() -> None:
    call = {
        "index": 0,
        "id": "t",
        "type": "function",
        "function": {"name": "f", "arguments": '{"model":"x"}'},
    }
    choice = {
        "index": 0,
        "delta": {"tool_calls": [call]},
        "logprobs": {
            "content": [{"token": "三", "logprob": -0.123456789012345, "bytes": [228], "top_logprobs": []}]
        },
        "finish_reason": None,
        "stop_reason": 7,
    }
    stream = normaliser()
    out = stream.feed(event([choice], system_fingerprint="fp", service_tier=None) + delta({}, "tool_calls"))
    first, last = chunks_of(out + stream.finish())
    assert first == {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "deepseek-r1",
        "choices": [choice],
        "system_fingerprint": "fp",
        "service_tier": None,
    }
    assert last["choices"][0]["finish_reason"] == "tool_calls"


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}


@pytest.mark.parametrize("wants_usage", [True, False])
def test_usage_is_for_who_asked_and_counted_for_all(wants_usage: bool) -> None:
    stream = normaliser(wants_usage=wants_usage)
    data = event(
        [{"index": 0, "delta": {"content": "三"}, "finish_reason": "stop"}], usage={"prompt_tokens": 7}
    )
    chunks = chunks_of(stream.feed(data + event([], usage=USAGE)) + stream.finish())
    assert stream.usage == Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=4)
    if wants_usage:
        assert [chunk["usage"] for chunk in chunks] == [None, USAGE]
    else:
        assert [("usage" in chunk, len(chunk["choices"])) for chunk in chunks] == [(False, 1)]


def test_pieces_are_counted_for_streams_that_never_say_their_usage() -> None:
    stream = normaliser()
    stream.feed(
        delta({"role": "assistant", "content": ""}) + delta({"reasoning": "a"}) + delta({"reasoning": "b"})
    )
    stream.feed(delta({"content": "c"}) + delta({"tool_calls": [{"index": 0}]}))
    assert (stream.pieces, stream.reasoning_pieces, stream.usage) == (4, 2, None)
    completion = normaliser()
    completion.feed(event([{"index": 0, "text": "x", "finish_reason": None}]))
    assert completion.pieces == 1


@pytest.mark.parametrize(
    "data",
    [
        b"data: <html>sorry</html>\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": ["x"]}\n\n',
        b'data: {"error": {"message": "EngineCore died"}}\n\n',
        b"data: {\xff\n\n",
    ],
)
def test_what_is_no_answer_is_a_failure(data: bytes) -> None:
    stream = normaliser()
    with pytest.raises(EngineUnavailable, match="http://e"):
        stream.feed(data)


@pytest.mark.parametrize("data", [b"", delta({"content": "half"}), delta({"content": "half"})[:-9]])
def test_a_stream_without_an_end_is_a_failure(data: bytes) -> None:
    stream = normaliser()
    stream.feed(data)
    with pytest.raises(EngineUnavailable):
        stream.finish()


def test_an_event_without_an_end_is_a_failure() -> None:
    stream = normaliser()
    stream.feed(b"data: " + b"x" * 15 * 1024**2)
    with pytest.raises(EngineUnavailable, match="an event of more than"):
        stream.feed(b"x" * 2 * 1024**2)


def test_nothing_passes_behind_the_end() -> None:
    stream = normaliser()
    stream.feed(delta({"content": "a"}, "stop") + b"data: [DONE]\n\n")
    assert stream.feed(b"data: garbage\n\n") + stream.finish() == b"data: [DONE]\n\n"


def test_what_the_engine_gets() -> None:
    asked = {"model": "reasoner", "messages": [{"role": "user", "content": "中"}], "x_unknown": 1.5}
    assert json.loads(forwarded_body(body=asked, model="up", stream=False)) == {**asked, "model": "up"}
    streamed = json.loads(forwarded_body(body={**asked, "stream_options": {"a": 1}}, model="up", stream=True))
    assert streamed["stream_options"] == {"a": 1, "include_usage": True}
    assert asked["model"] == "reasoner"


TEXTS = st.text(alphabet=st.sampled_from('ab <>{}":,\\\n模think/'), max_size=12)
PIECES = st.one_of(
    st.builds(lambda text: ({"content": text}, None, 0, {}), TEXTS),
    st.builds(lambda text: ({"reasoning": text}, None, 0, {}), TEXTS),
    st.builds(lambda text: ({"content": text}, None, 1, {}), TEXTS),
    st.builds(lambda text: ({"content": text}, "stop", 0, {}), TEXTS),
    st.builds(
        lambda count: ({"content": "x"}, None, 0, {"usage": {"completion_tokens": count}}), st.integers(0, 9)
    ),
    st.just(({"content": '"model":"upstream/Name" "usage": {"reasoning":'}, None, 0, {})),
    st.just(({"content": None, "tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, None, 0, {})),
)


@given(
    pieces=st.lists(PIECES, max_size=20),
    preopened=st.booleans(),
    wants_usage=st.booleans(),
    counting=st.booleans(),
)
def test_a_chunk_that_is_not_read_comes_out_as_one_that_is(
    pieces: list[tuple[dict[str, Any], str | None, int, dict[str, Any]]],
    preopened: bool,
    wants_usage: bool,
    counting: bool,
) -> None:
    """vLLM writes JSON without spaces, and such a chunk may pass as bytes; with spaces each one is read."""
    outcomes = []
    for separators in ((",", ":"), (", ", ": ")):
        stream = normaliser(preopened=preopened, wants_usage=wants_usage)
        out = b""
        for number, (piece, reason, index, more) in enumerate([*pieces, ({}, "stop", 0, {})]):
            if counting:
                more = {**more, "usage": {"prompt_tokens": 9, "completion_tokens": number}}
            choice = {"index": index, "delta": piece, "logprobs": None, "finish_reason": reason}
            chunk = {"id": "c", "model": "upstream/Name", "choices": [choice], **more}
            out += stream.feed(
                f"data: {json.dumps(chunk, separators=separators, ensure_ascii=False)}\n\n".encode()
            )
        chunks = chunks_of(out + stream.finish())
        outcomes.append((chunks, stream.pieces, stream.reasoning_pieces, stream.counted()))
    assert outcomes[0] == outcomes[1]


def test_text_passes_without_being_read_once_the_answer_has_begun() -> None:
    stream = normaliser()
    stream.feed(_compact("Hello"))
    assert stream.feed(_compact(" world")) == _compact(" world").replace(b"upstream/Name", b"deepseek-r1")
    assert stream.pieces == 2


def test_the_newest_count_is_known_of_a_stream_that_is_given_up() -> None:
    stream = normaliser()
    stream.feed(_compact("Hello", 1))
    assert stream.feed(_compact(" world", 2)) == _compact(" world").replace(b"upstream/Name", b"deepseek-r1")
    assert stream.counted() == Usage(prompt_tokens=9, completion_tokens=2)
    stream.feed(_compact('"usage":{', 3) + _compact("!", 4))
    assert stream.counted() == Usage(prompt_tokens=9, completion_tokens=4)
    assert stream.pieces == 4


def test_a_chunk_that_is_cut_off_is_no_answer() -> None:
    stream = normaliser()
    stream.feed(_compact("Hello"))
    with pytest.raises(EngineUnavailable):
        stream.feed(_compact(" world")[:-5] + b"\n\n")


def _compact(text: str, counted: int | None = None) -> bytes:
    content = json.dumps(text, ensure_ascii=False)
    choice = f'{{"index":0,"delta":{{"content":{content}}},"logprobs":null,"finish_reason":null}}'
    usage = "" if counted is None else f',"usage":{{"prompt_tokens":9,"completion_tokens":{counted}}}'
    return f'data: {{"id":"c","created":1,"model":"upstream/Name","choices":[{choice}]{usage}}}\n\n'.encode()
