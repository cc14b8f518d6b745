"""The reverse proxy as Karez configures it, in front of small backends: what it passes on, adds, hides and says itself."""

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded.errors import SettingError
from deploy.embedded.ports import LOOPBACK, find_free, is_free
from deploy.embedded.proxy import CADDYFILE, Certificate, Proxy, bind_address, find_binary
from tests.deploy.processes import wait_for

Start = Callable[[Proxy], str]


class Backend(BaseHTTPRequestHandler):
    """Tells what it was sent; `/stream` sends an event at a time until nobody listens."""

    name: str
    gone: threading.Event

    def do_GET(self) -> None:
        if self.path.endswith("/stream"):
            self._stream()
        elif self.path.endswith("/wait"):
            self._wait()
        else:
            self._tell()

    def do_POST(self) -> None:
        self._tell(body=len(self.rfile.read(int(self.headers["Content-Length"]))))

    def _tell(self, **more: object) -> None:
        told = {"backend": self.name, "path": self.path, "headers": dict(self.headers), **more}
        body = json.dumps(told).encode() * (100 if self.path.endswith(".js") else 1)
        self.send_response(200)
        self.send_header(
            "Content-Type", "text/javascript" if self.path.endswith(".js") else "application/json"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: x\n\n")
                time.sleep(0.1)
        except OSError:
            self.gone.set()

    def _wait(self) -> None:
        """As a question whose engine still thinks."""
        if self.connection.recv(1) == b"":
            self.gone.set()

    def log_message(self, *_: object) -> None:
        pass


def make_backend(stack: ExitStack, name: str) -> tuple[str, threading.Event]:
    """Its HOST:PORT, and what is set when it missed a client."""
    gone = threading.Event()
    server = ThreadingHTTPServer(
        (LOOPBACK, find_free()), type("Own", (Backend,), {"name": name, "gone": gone})
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    stack.callback(server.server_close)
    return f"{LOOPBACK}:{server.server_port}", gone


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def proxy(tmp_path: Path, cleanup: ExitStack) -> Proxy:
    """In front of one web process, not started."""
    web, _ = make_backend(cleanup, "web")
    (tmp_path / "proxy").mkdir()
    return Proxy(
        binary=find_binary(),
        directory=tmp_path / "proxy",
        host=LOOPBACK,
        port=find_free(),
        prefix="",
        web=web,
    )


@pytest.fixture
def start(cleanup: ExitStack, tmp_path: Path) -> Start:
    def run(proxy: Proxy) -> str:
        log = cleanup.enter_context((tmp_path / "proxy.log").open("wb"))
        process = subprocess.Popen(
            proxy.command(), env=proxy.environment(), cwd=proxy.directory, stdout=log, stderr=log
        )
        cleanup.callback(process.wait)
        cleanup.callback(process.terminate)
        wait_for(lambda: not is_free(port=proxy.port) or process.poll() is not None, what="the proxy")
        assert process.poll() is None, (tmp_path / "proxy.log").read_text()
        return f"{'https' if proxy.certificate else 'http'}://{LOOPBACK}:{proxy.port}{proxy.prefix}"

    return run


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=15, **options)


def certificate(directory: Path) -> Certificate:
    chain, key = directory / "our chain.pem", directory / "our key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    subprocess.run(
        [*command, "-subj", "/CN=karez.example", "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    return Certificate(chain=chain, key=key)


def validate(proxy: Proxy) -> subprocess.CompletedProcess[str]:
    command = [str(proxy.binary), "validate", *proxy.command()[2:]]
    return subprocess.run(
        command, env=proxy.environment(), cwd=proxy.directory, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prefix": "/a/b", "host": "0.0.0.0", "trusted": ("10.0.0.9/32", "10.1.0.0/24", "fd00::/64")},
        {"host": "::", "chat": ("127.0.0.1:1", "127.0.0.1:2")},
        {"host": "karez.example"},
    ],
)
def test_every_configuration_is_valid(proxy: Proxy, changes: dict[str, Any]) -> None:
    done = validate(replace(proxy, **changes))
    assert done.returncode == 0, done.stderr
    assert "Valid configuration" in done.stdout


def test_a_certificate_whose_path_has_spaces_is_valid_and_one_with_quotes_is_refused(
    proxy: Proxy, tmp_path: Path
) -> None:
    done = validate(replace(proxy, certificate=certificate(tmp_path)))
    assert done.returncode == 0, done.stderr
    odd = Certificate(chain=tmp_path / 'a"b', key=tmp_path / "k")
    with pytest.raises(SettingError, match="rename it"):
        replace(proxy, certificate=odd).environment()


def test_the_file_stands_alone_for_containers(proxy: Proxy) -> None:
    """Each variable has a default that makes sense, or may be empty."""
    command = [str(proxy.binary), "validate", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    done = subprocess.run(
        command, env={"HOME": str(proxy.directory)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_address_is_bound_in_its_own_family() -> None:
    assert bind_address("0.0.0.0") == "tcp4/0.0.0.0"
    assert bind_address("::1") == "tcp6/[::1]"
    assert bind_address("karez.example") == "tcp/karez.example"


def test_only_the_address_that_was_asked_for_listens(proxy: Proxy, start: Start) -> None:
    start(replace(proxy, host="0.0.0.0"))
    assert get(f"http://{LOOPBACK}:{proxy.port}/").status_code == 200
    with pytest.raises(OSError, match=r"refused|Cannot assign|not supported|unreachable"):
        socket.create_connection(("::1", proxy.port), timeout=2)


def test_chat_and_the_openai_protocol_have_processes_of_their_own(
    proxy: Proxy, start: Start, cleanup: ExitStack
) -> None:
    chat, _ = make_backend(cleanup, "chat")
    gateway, _ = make_backend(cleanup, "gateway")
    base = start(replace(proxy, prefix="/llm", chat=(chat,), gateway=(gateway,)))
    for path, backend in {
        "/chat": "chat",
        "/chat/": "chat",
        "/chat/gradio_api/queue/data?session_hash=1": "chat",
        "/chats": "web",
        "/": "web",
        "/v1/models": "gateway",
        "/v1": "web",
        "/api/v1/me": "web",
        "/static/x.css": "web",
    }.items():
        told = get(base + path).json()
        assert (told["backend"], told["path"]) == (backend, f"/llm{path}")
    origin = base.removesuffix("/llm")
    assert get(f"{origin}/chat").json()["backend"] == "web"  # which answers nothing without the prefix


def test_without_chat_processes_the_web_process_is_asked(proxy: Proxy, start: Start) -> None:
    assert get(f"{start(proxy)}/chat").json()["backend"] == "web"


def test_a_browser_stays_with_its_chat_process_until_that_one_dies(
    proxy: Proxy, start: Start, cleanup: ExitStack
) -> None:
    own = ExitStack()
    one, _ = make_backend(own, "one")
    two, _ = make_backend(cleanup, "two")
    base = start(replace(proxy, chat=(one, two)))
    browsers = [httpx.Client(trust_env=False, timeout=15) for _ in range(12)]
    homes = [browser.get(f"{base}/chat").json()["backend"] for browser in browsers]
    assert set(homes) == {"one", "two"}
    for _ in range(5):
        assert [browser.get(f"{base}/chat/x").json()["backend"] for browser in browsers] == homes
    own.close()
    for _ in range(2):
        assert {browser.get(f"{base}/chat/x").json()["backend"] for browser in browsers} == {"two"}


def test_what_is_said_of_a_clients_address_counts_only_from_proxies_that_were_named(
    proxy: Proxy, start: Start, cleanup: ExitStack
) -> None:
    forged = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
    told = get(start(proxy), headers={**forged, "Host": "karez.example"}).json()["headers"]
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == (LOOPBACK, "http")
    assert told["Host"] == "karez.example"
    behind = start(replace(proxy, port=find_free(), trusted=("127.0.0.9",)))
    own = httpx.HTTPTransport(local_address="127.0.0.9")
    told = httpx.Client(transport=own).get(behind, headers=forged).json()["headers"]
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == ("9.9.9.9, 127.0.0.9", "https")
    told = get(behind, headers=forged).json()["headers"]
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == (LOOPBACK, "http")


def test_nothing_tells_what_stands_in_front(proxy: Proxy, start: Start) -> None:
    base = start(proxy)
    headers = get(base).headers
    assert "via" not in headers
    assert "caddy" not in str(headers).lower()
    own = get(f"{start(replace(proxy, port=find_free(), web=f'{LOOPBACK}:{find_free()}'))}/")
    assert own.status_code == 503
    assert "server" not in own.headers


def test_scripts_are_compressed_and_answers_are_not(proxy: Proxy, start: Start) -> None:
    base = start(proxy)
    assert get(f"{base}/static/x.js").headers["content-encoding"] in ("gzip", "zstd")
    assert "content-encoding" not in get(f"{base}/api/v1/me").headers


def test_a_stream_comes_as_it_is_written_and_a_hang_up_is_passed_on(
    proxy: Proxy, start: Start, cleanup: ExitStack
) -> None:
    web, gone = make_backend(cleanup, "web")
    base = start(replace(proxy, web=web))
    begin = time.monotonic()
    with httpx.Client(trust_env=False) as client, client.stream("GET", f"{base}/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: x"
        assert time.monotonic() - begin < 5  # it never ends: what is buffered would never come
        assert not gone.is_set()
    assert gone.wait(5)


def test_a_hang_up_before_the_first_word_is_passed_on(proxy: Proxy, start: Start, cleanup: ExitStack) -> None:
    web, gone = make_backend(cleanup, "web")
    base = start(replace(proxy, web=web))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{base}/wait", trust_env=False, timeout=httpx.Timeout(5, read=0.5))
    assert gone.wait(5)


def test_an_upload_passes_whole(proxy: Proxy, start: Start) -> None:
    size = 20_000_000
    answer = httpx.post(start(proxy), content=b"x" * size, trust_env=False, timeout=30)
    assert answer.json()["body"] == size


def test_while_nobody_answers_behind_it_a_page_or_a_problem_says_so(proxy: Proxy, start: Start) -> None:
    base = start(replace(proxy, web=f"{LOOPBACK}:{find_free()}"))
    page = get(base, headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["retry-after"]) == (503, "3")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "正在启动" in page.text
    assert "<h1>Starting</h1>" in page.text
    assert "color-scheme: light dark; font:" in page.text  # braces are no placeholders
    problem = httpx.post(f"{base}/v1/chat/completions", json={}, trust_env=False, timeout=15)
    assert problem.status_code == 503
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == problem.json()["error"]["code"] == "starting"


def test_a_process_that_is_started_again_is_waited_for(
    proxy: Proxy, start: Start, cleanup: ExitStack
) -> None:
    port = find_free()
    base = start(replace(proxy, web=f"{LOOPBACK}:{port}"))
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(get(base)))
    asking.start()
    time.sleep(0.5)
    server = ThreadingHTTPServer((LOOPBACK, port), type("Own", (Backend,), {"name": "late"}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cleanup.callback(server.shutdown)
    asking.join(timeout=15)
    assert answers[0].json()["backend"] == "late"


def test_with_a_certificate_it_speaks_https(proxy: Proxy, start: Start, tmp_path: Path) -> None:
    own = certificate(tmp_path)
    base = start(replace(proxy, certificate=own))
    context = ssl.create_default_context(cafile=own.chain)
    context.check_hostname = False
    told = get(base, verify=context).json()["headers"]
    assert told["X-Forwarded-Proto"] == "https"


def test_browsers_are_kept_to_https_where_it_ends_here_and_only_there(
    proxy: Proxy, start: Start, tmp_path: Path
) -> None:
    own = certificate(tmp_path)
    context = ssl.create_default_context(cafile=own.chain)
    context.check_hostname = False
    header = "Strict-Transport-Security"
    secure = start(replace(proxy, certificate=own))
    assert get(secure, verify=context).headers[header] == "max-age=31536000"
    # What the proxy says itself, too.
    nobody = replace(
        proxy, port=find_free(), certificate=own, web=f"{LOOPBACK}:{find_free()}", hsts_seconds=0
    )
    answer = get(start(nobody), verify=context)
    assert (answer.status_code, answer.headers[header]) == (503, "max-age=0")
    plain = start(replace(proxy, port=find_free()))
    assert header not in get(plain).headers
    assert header not in get(plain, headers={"X-Forwarded-Proto": "https"}).headers


def test_it_writes_only_below_its_directory_and_runs_without_a_home(
    proxy: Proxy, start: Start, tmp_path: Path
) -> None:
    environment = proxy.environment()
    assert {environment[name] for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")} == {
        str(proxy.directory)
    }
    get(f"{start(proxy)}/v1/models?secret=1")
    assert "/v1/models" not in (tmp_path / "proxy.log").read_text()  # no access log
