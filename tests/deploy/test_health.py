"""The health checks of the containers, each as its exit status."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from controlplane import celery
from deploy.health import main


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/health": 200, "/moved": 302}.get(self.path, 503))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    listening = HTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_server_is_healthy_when_it_says_so(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http", f"{server}/health"]) == 0
    assert main(["http", f"{server}/moved"]) == 1
    assert main(["http", f"{server}/loading"]) == 1
    assert main(["http", "http://127.0.0.1:9/health"]) == 1
    assert "status 503" in capsys.readouterr().err


def test_a_file_tells_of_life_while_it_is_recent(tmp_path: Path) -> None:
    schedule = tmp_path / "beat-schedule"
    assert main(["recent", str(schedule), "60"]) == 1
    file = tmp_path / "beat-schedule.db"  # as some of Python's databases call it
    file.touch()
    assert main(["recent", str(schedule), "60"]) == 0
    past = time.time() - 61
    os.utime(file, (past, past))
    assert main(["recent", str(schedule), "60"]) == 1


def test_a_worker_shows_life_only_where_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "heartbeat"
    celery._show_life(sender=None)
    assert not file.exists()
    monkeypatch.setattr(celery.settings.ENV, "heartbeat_file", file)
    celery._show_life(sender=None)
    assert file.exists()
