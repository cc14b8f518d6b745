"""What is kept of calls: nothing, once they have ended."""

import time
from collections.abc import Callable, Iterator

import gradio as gr
import pytest

from frontend.chat import application, calls
from tests.frontend.chat.servers import Servers, ask, running_servers


def kept(blocks: gr.Blocks) -> dict[str, int]:
    """Of every container in which Gradio could keep something of a call."""
    places = {"queue": blocks._queue, "blocks": blocks, "states": blocks.state_holder}
    places["app"] = blocks._queue.server_app
    return {
        f"{place}.{name}": len(value)
        for place, holder in places.items()
        for name, value in vars(holder).items()
        if isinstance(value, dict | set | list)
    }


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Servers, gr.Blocks]]:
    """Servers of their own, and what Gradio holds."""
    built: list[gr.Blocks] = []
    build = application.build

    def noting(**given: object) -> gr.Blocks:
        built.append(build(**given))  # type: ignore[arg-type]
        return built[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "build", noting)
        patch.setattr(calls, "UNREAD_SECONDS", 0.3)
        with running_servers(state_dir=tmp_path_factory.mktemp("calls")) as servers:
            yield servers, built[0]


def test_a_call_that_was_read_leaves_nothing_behind(held: tuple[Servers, gr.Blocks]) -> None:
    servers, blocks = held
    with servers.signed_in() as client:
        for _ in range(2):
            assert ask(client, "watch", conversation="0") == [{"gone": True}]
        before = kept(blocks)
        for _ in range(5):
            ask(client, "watch", conversation="0")
        until(lambda: grown(blocks, before) == {})


def test_a_call_that_nobody_reads_is_dropped(held: tuple[Servers, gr.Blocks]) -> None:
    servers, blocks = held
    with servers.signed_in() as client:
        ask(client, "watch", conversation="0")
        before = kept(blocks)
        events = [
            client.post("/chat/gradio_api/call/watch", json={"data": [{"conversation": "0"}]}).json()
            for _ in range(3)
        ]
        until(lambda: grown(blocks, before) == {})
        path = f"/chat/gradio_api/call/watch/{events[0]['event_id']}"
        assert client.get(path).status_code == 404


def grown(blocks: gr.Blocks, before: dict[str, int]) -> dict[str, int]:
    return {name: size for name, size in kept(blocks).items() if size > before[name]}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
