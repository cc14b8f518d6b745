"""The chat process and the fake platform as servers of this process, so that tests can look into the platform."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from frontend.chat.application import make_application
from frontend.chat.settings import Settings
from tests.fakes.platform import FakePlatform


@dataclass(frozen=True)
class Servers:
    """`base` is the one address of both, as a browser sees it; `chat` is the chat process itself."""

    base: str
    chat: str
    prefix: str
    platform: FakePlatform

    def signed_in(self, user: str = "li", **headers: str) -> httpx.Client:
        client = httpx.Client(base_url=self.chat, timeout=30, trust_env=False, headers=headers)
        session = f"session-of-{user}-{time.monotonic_ns()}"
        self.platform.user_named(user)
        self.platform.sessions[session] = user
        client.cookies.set("sessionid", session)
        return client


@contextmanager
def running_servers(*, state_dir: Path, prefix: str = "") -> Iterator[Servers]:
    platform_port, chat_port = free_port(), free_port()
    base, chat = f"http://127.0.0.1:{platform_port}", f"http://127.0.0.1:{chat_port}"
    platform = FakePlatform(prefix=prefix, chat=chat)
    settings = Settings(control_url=f"{base}{prefix}", prefix=prefix, state_dir=state_dir)
    with serving(platform.application(), platform_port), serving(make_application(settings), chat_port):
        yield Servers(base, chat, prefix, platform)


@contextmanager
def serving(application: Any, port: int) -> Iterator[None]:
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("a server of the test did not start")
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(client: httpx.Client, name: str, prefix: str = "", **payload: Any) -> Any:
    """A call of the page; its answer."""
    response = client.post(f"{prefix}/chat/gradio_api/run/{name}", json={"data": [payload]})
    body = response.json()
    return body["data"][0] if "data" in body else body


def ask(client: httpx.Client, name: str, prefix: str = "", **payload: Any) -> list[Any]:
    """A streamed call; all of its updates."""
    started = client.post(f"{prefix}/chat/gradio_api/call/{name}", json={"data": [payload]})
    event = started.json()["event_id"]
    return read(client, f"{prefix}/chat/gradio_api/call/{name}/{event}")


def read(client: httpx.Client, path: str) -> list[Any]:
    updates = []
    with client.stream("GET", path) as response:
        kind = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: ") and kind == "generating":
                updates.append(json.loads(line.removeprefix("data: "))[0])
    return updates
