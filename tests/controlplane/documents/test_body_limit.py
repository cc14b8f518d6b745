"""Bodies that are too large never reach Django. (It would spool them to disk before calling a view.)"""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from django.test import override_settings

from controlplane.documents.body_limit import BodyLimit
from controlplane.documents.uploads import ENVELOPE_BYTES

LIMIT = 1000
MOST = LIMIT + ENVELOPE_BYTES


class Application:
    """Reads the body and says how long it was."""

    read = 0

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        self.read, more = 0, True
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.read).encode()})


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Application]]:
    application = Application()
    config = uvicorn.Config(
        BodyLimit(application), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    with override_settings(MAX_UPLOAD_BYTES=LIMIT):
        thread.start()
        while not running.started:
            pass
        port = running.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/", application
        running.should_exit = True
        thread.join(timeout=10)


def test_a_body_within_the_limit_passes(server: tuple[str, Application]) -> None:
    assert httpx.post(server[0], content=b"x" * MOST).text == str(MOST)


def test_an_announced_length_over_the_limit_is_refused_unread(server: tuple[str, Application]) -> None:
    url, application = server
    application.read = -1
    response = httpx.post(url, content=b"x" * (MOST + 1), headers={"Accept-Language": "zh-CN"})
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
    body = json.loads(response.content)
    assert (body["code"], body["limit"], body["field"]) == ("file_too_large", LIMIT, "file")
    assert body["detail"].startswith("文件超过上限")
    assert application.read == -1


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(server: tuple[str, Application]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MOST // 1000 + 200):
            yield b"x" * 1000

    response = httpx.post(server[0], content=endless(), headers={"Accept-Language": "en"})
    assert response.status_code == 413
    assert response.json()["detail"] == "The file is larger than the limit of 0.0 MiB."
    assert server[1].read <= MOST
