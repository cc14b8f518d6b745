"""What a real vLLM does as a process of ours."""

import socket

import httpx
import psutil
import pytest

from tests.vllm.conftest import API_KEY, Engine, Engines

pytestmark = pytest.mark.timeout(1800)


def processes(engine: Engine) -> list[psutil.Process]:
    first = psutil.Process(engine.server.state.pid)
    return [first, *first.children(recursive=True)]


def test_nothing_of_it_listens_beyond_this_machine(engines: Engines) -> None:
    for engine in (engines.latent, engines.dense):
        heard = {
            (connection.laddr.ip, connection.laddr.port)
            for process in processes(engine)
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
        }
        assert ("127.0.0.1", engine.server.launch.port) in heard
        assert {address for address, _port in heard} == {"127.0.0.1"}


def test_no_command_line_holds_the_key(engines: Engines) -> None:
    for process in processes(engines.latent):
        assert API_KEY not in " ".join(process.cmdline())
    assert API_KEY not in engines.latent.server.launch.log.read_text()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}])
def test_the_key_is_asked_for(engines: Engines, headers: dict[str, str]) -> None:
    for path in ("/v1/models", "/v1/chat/completions"):
        answer = httpx.request("GET", f"{engines.latent.address}{path}", headers=headers)
        assert answer.status_code == 401
