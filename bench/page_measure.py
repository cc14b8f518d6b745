"""How long the console's pages take over HTTP: each is read as a browser does, by an administrator who has signed in."""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy import commands
from deploy.embedded.ports import find_free

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 90.0
WARM_UP, ROUNDS = 2, 15
PAGES = (
    "/",
    "/usage/",
    "/usage/?group_by=assistant",
    "/knowledge/",
    "/jobs/",
    "/jobs/?status=failed",
    "/assistants/",
    "/assistants/figures",
    "/conversations/",
    "/conversations/?status=refused",
    "/feedback/",
    "/people/",
    "/departments/",
    "/api-keys/",
    "/audit/",
    "/models/",
    "/models/engines",
    "/models/embedding",
    "/planner/",
    "/planner/?model=deepseek-r1&accelerator=h800-80&cards_per_node=8&nodes=2&purchase_per_card=200000",
    "/hit-testing/",
    "/search/?q=2024",
)
# One of each kind, taken from the first list that links to it.
_UUID = "[0-9a-f-]{36}"
LINKED = (
    ("base", "/knowledge/", rf"/knowledge/{_UUID}/"),
    ("document", "/knowledge/<base>", rf"/documents/{_UUID}/"),
    ("conversation", "/conversations/", rf"/conversations/{_UUID}/"),
    ("assistant", "/assistants/", r"/assistants/[a-z0-9-]+/"),
    ("person", "/people/", rf"/people/{_UUID}/"),
    ("department", "/departments/", r"/departments/[a-z0-9-]+/"),
)


@dataclass(frozen=True, slots=True)
class PageTime:
    """Milliseconds from the request to the last byte, on the machine itself; `size` in bytes."""

    name: str
    size: int
    least: float
    p50: float
    most: float


@contextmanager
def web_process(log: Path) -> Iterator[str]:
    """The address of a web process on this environment's database and cache."""
    port = find_free()
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *commands.web(host="127.0.0.1", port=port)],
            cwd=ROOT,
            env=os.environ | {"KAREZ_BASE_URL": address, "PYTHONPATH": str(ROOT / "platform")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_live(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_live(address: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{address}/healthz", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError("the web process did not start")


def measure_pages(*, address: str, email: str, password: str) -> Iterator[PageTime]:
    """Raises RuntimeError for a sign-in or a page that fails."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False, follow_redirects=True) as browser:
        _sign_in(browser, email, password)
        for name, path in _pages(browser):
            yield _measured(browser, name, path)


def _sign_in(browser: httpx.Client, email: str, password: str) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', _read(browser, "/sign-in"))
    if token is None:
        raise RuntimeError("no form to sign in by")
    fields = {"csrfmiddlewaretoken": token[1], "email": email, "password": password}
    answer = browser.post("/sign-in", data=fields, headers={"Referer": str(browser.base_url)})
    if answer.url.path.endswith("/sign-in"):
        raise RuntimeError(f"signing in failed with status {answer.status_code}")


def _pages(browser: httpx.Client) -> Iterator[tuple[str, str]]:
    yield from ((path, path) for path in PAGES)
    found: dict[str, str] = {}
    for name, list_, pattern in LINKED:
        for kind, path in found.items():
            list_ = list_.replace(f"/knowledge/<{kind}>", path)
        if link := re.search(rf'href="({pattern})"', _read(browser, list_)):
            found[name] = link[1]
            yield f"one {name}", link[1]


def _measured(browser: httpx.Client, name: str, path: str) -> PageTime:
    times = []
    for _round in range(WARM_UP + ROUNDS):
        started = time.perf_counter()
        text = _read(browser, path)
        times.append((time.perf_counter() - started) * 1000)
    times = times[WARM_UP:]
    return PageTime(name, len(text.encode()), min(times), statistics.median(times), max(times))


def _read(browser: httpx.Client, path: str) -> str:
    answer = browser.get(path)
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return answer.text
