"""The parsing child is bounded in every way, and gone afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import rag
from rag.parsing import ParseError, ParseLimits, parse_in_child
from tests.rag.parsing.makers import make_docx, make_xlsx, paragraph_xml, sparse_sheet

_ROOT = Path(rag.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def spinning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workbook that keeps a processor busy for minutes once the limit on cells is lifted."""
    return make_xlsx(tmp_path_factory.mktemp("spin") / "spin.xlsx", sheet_xml=sparse_sheet(rows=60_000))


@pytest.fixture
def patient(limits: ParseLimits) -> ParseLimits:
    """Limits that let the spinning workbook spin."""
    return dataclasses.replace(limits, max_cells=10**12)


def _children() -> list[psutil.Process]:
    """What was forked from a fork server below us, zombies too; the servers themselves stay."""
    below = psutil.Process().children(recursive=True)
    servers = {one.pid for one in below if "rag.parsing.forkserver" in _words(one)}
    return [one for one in below if _parent(one) in servers]


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended since it was listed
        return process.ppid()
    return 0


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _wait_for_child(seconds: float = 15) -> psutil.Process:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Busy means past its imports and inside the parser.
        for child in _children():
            with contextlib.suppress(psutil.Error):
                if child.cpu_times().user > 0.8:
                    return child
        time.sleep(0.05)
    raise AssertionError("no busy child appeared")


def _code(path: Path, limits: ParseLimits) -> ParseError:
    with pytest.raises(ParseError) as raised:
        parse_in_child(path=path, filename=path.name, limits=limits)
    assert _children() == []
    return raised.value


@contextlib.contextmanager
def _parsing(path: Path, limits: ParseLimits) -> Iterator[list[ParseError]]:
    """Parse in a thread while the test does something to the child; the errors arrive at the end."""
    errors: list[ParseError] = []

    def run() -> None:
        try:
            parse_in_child(path=path, filename=path.name, limits=limits)
        except ParseError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield errors
    finally:
        thread.join()


def test_a_document_arrives_whole(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "任意名字"
    path.write_text("第一章 总则\n为了安全。\x00\n\n第二章 附则\n自印发之日起施行。", encoding="gb18030")
    heard: list[float] = []
    document = parse_in_child(path=path, filename="规程.txt", limits=limits, on_progress=heard.append)
    assert [(block.kind, block.text, block.section) for block in document.blocks] == [
        ("heading", "第一章 总则", ("第一章 总则",)),
        ("paragraph", "为了安全。", ("第一章 总则",)),
        ("heading", "第二章 附则", ("第二章 附则",)),
        ("paragraph", "自印发之日起施行。", ("第二章 附则",)),
    ]
    assert all(0 <= fraction <= 1 for fraction in heard)
    assert heard


def test_time_is_limited(spinning: Path, patient: ParseLimits) -> None:
    started = time.monotonic()
    error = _code(spinning, dataclasses.replace(patient, seconds=2))
    assert error.code == "parse_timeout"
    assert error.params == {"seconds": 2}
    assert time.monotonic() - started < 4


def test_processor_time_is_limited(spinning: Path, patient: ParseLimits) -> None:
    error = _code(spinning, dataclasses.replace(patient, cpu_seconds=2))
    assert (error.code, error.params) == ("parse_timeout", {"seconds": 2})


def test_memory_is_limited(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_docx(tmp_path / "hog.docx", body=paragraph_xml("电") * 600_000)
    tight = dataclasses.replace(limits, memory_bytes=300 * 1024 * 1024, archive_max_ratio=10**6)
    assert _code(path, tight).code == "parse_memory"


def test_a_killed_child_is_a_crash(spinning: Path, patient: ParseLimits) -> None:
    with _parsing(spinning, patient) as errors:
        os.kill(_wait_for_child().pid, signal.SIGKILL)
    assert [(error.code, error.params["signal"]) for error in errors] == [("parse_crashed", 9)]
    assert _children() == []


def test_cancelling_ends_the_child(spinning: Path, patient: ParseLimits) -> None:
    started = time.monotonic()
    with pytest.raises(ParseError) as raised:
        parse_in_child(
            path=spinning,
            filename="spin.xlsx",
            limits=patient,
            should_cancel=lambda: time.monotonic() - started > 1,
        )
    assert raised.value.code == "parse_cancelled"
    assert time.monotonic() - started < 3
    assert _children() == []


def test_a_failing_callback_ends_the_child(spinning: Path, patient: ParseLimits) -> None:
    def fail() -> bool:
        raise RuntimeError("the broker is gone")

    with pytest.raises(RuntimeError, match="broker"):
        parse_in_child(path=spinning, filename="spin.xlsx", limits=patient, should_cancel=fail)
    assert _children() == []


def test_the_child_dies_with_a_killed_parent_and_leaves_no_file(spinning: Path, tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import dataclasses, sys
        from pathlib import Path
        from rag.parsing import ParseLimits, parse_in_child
        limits = dataclasses.replace(ParseLimits(), max_cells=10**12)
        parse_in_child(path=Path(sys.argv[1]), filename="spin.xlsx", limits=limits)
        """
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", script, str(spinning)], cwd=_ROOT, env=environment)
    try:
        child = _wait_for_child()
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        parent.kill()
        parent.wait()
    gone, alive = psutil.wait_procs([child], timeout=5)
    assert (gone, alive) == ([child], [])
    end = time.monotonic() + 5
    while list(tmp_path.iterdir()):
        assert time.monotonic() < end, "the child's folder is still there"
        time.sleep(0.05)


def test_the_child_inherits_no_secret_and_no_right(
    spinning: Path, patient: ParseLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREZ_DB_PASSWORD", "only-the-worker-knows")
    with _parsing(spinning, patient):
        child = _wait_for_child()
        environment = Path(f"/proc/{child.pid}/environ").read_bytes() if os.geteuid() == 0 else b""
        status = Path(f"/proc/{child.pid}/status").read_text()
        limits_of_child = Path(f"/proc/{child.pid}/limits").read_text() if os.geteuid() == 0 else ""
        words = _words(child)
        child.kill()
    assert b"only-the-worker-knows" not in environment
    assert "spin.xlsx" not in " ".join(words)
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert f"Max address space         {patient.memory_bytes}" in limits_of_child


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, limits: ParseLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    source = tmp_path / "a.txt"
    source.write_text("内容", encoding="utf-8")
    parse_in_child(path=source, filename="a.txt", limits=limits)
    assert list(scratch.iterdir()) == []


def test_it_works_from_a_path_with_spaces_and_chinese(tmp_path: Path) -> None:
    home = tmp_path / "坎儿井 安装"
    shutil.copytree(_ROOT / "rag", home / "rag", ignore=shutil.ignore_patterns("__pycache__"))
    source = home / "我的 文件.csv"
    source.write_text("设备,状态\n主变,正常\n", encoding="utf-8")
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from pathlib import Path
        from rag.parsing import ParseLimits, parse_in_child
        path = Path(sys.argv[2])
        document = parse_in_child(path=path, filename=path.name, limits=ParseLimits(seconds=30))
        print(document.blocks[0].text)
        """
    )
    command = [sys.executable, "-X", "utf8", "-P", "-c", script, str(home), str(source)]
    done = subprocess.run(command, cwd="/", capture_output=True, timeout=60, check=True)
    assert done.stdout.decode() == "设备,状态\n主变,正常\n"


_SANDBOX = """
import os, socket
from rag.parsing import sandbox
sandbox.forbid_syscalls()
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
except PermissionError:
    print("no network")
try:
    os.execv("/bin/true", ["true"])
except PermissionError:
    print("no program")
"""


_CONFINED = """
import os, sys
from pathlib import Path
from rag.parsing import sandbox
home, secret = sys.argv[1:]
if not sandbox.landlock_version():
    print("no landlock")
    sys.exit()
sandbox.confine_files(home=home)
(Path(home) / "own").write_text("x")
assert (Path(home) / "own").read_text() == "x"
(Path(home) / "own").unlink()
import wave  # code is still found
for attempt in (
    lambda: Path(secret).read_text(),
    lambda: Path(secret).write_text("changed"),
    lambda: Path(secret).unlink(),
    lambda: os.listdir(Path(secret).parent),
    lambda: Path("/proc/self/environ").read_bytes(),
):
    try:
        attempt()
    except PermissionError:
        print("refused")
try:
    os.kill(os.getppid(), 0)
except PermissionError:
    print("refused")
"""


def test_no_file_but_its_own_is_seen(tmp_path: Path) -> None:
    """As any account: root gives its rights up beside this, an ordinary worker has no other to change to."""
    home, secret = tmp_path / "home", tmp_path / "blobs" / "secret"
    home.mkdir()
    secret.parent.mkdir()
    secret.write_text("of another tenant")
    done = subprocess.run(
        [sys.executable, "-c", _CONFINED, str(home), str(secret)],
        cwd=_ROOT,
        capture_output=True,
        timeout=30,
        check=True,
    )
    said = done.stdout.decode().splitlines()
    if said == ["no landlock"]:
        pytest.skip("the kernel has no Landlock")
    assert said[:5] == ["refused"] * 5
    assert secret.read_text() == "of another tenant"


def test_sockets_and_programs_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SANDBOX], cwd=_ROOT, capture_output=True, timeout=30, check=True
    )
    assert done.stdout.decode() == "no network\nno program\n"


def test_a_killed_server_is_a_crash_and_the_next_file_gets_a_new_one(
    spinning: Path, patient: ParseLimits, tmp_path: Path
) -> None:
    with _parsing(spinning, patient) as errors:
        child = _wait_for_child()
        server = psutil.Process(child.ppid())
        server.kill()
    assert [(error.code, error.params["signal"]) for error in errors] == [("parse_crashed", 9)]
    gone, alive = psutil.wait_procs([child], timeout=5)
    assert (gone, alive) == ([child], [])
    source = tmp_path / "a.txt"
    source.write_text("内容", encoding="utf-8")
    document = parse_in_child(path=source, filename="a.txt", limits=patient)
    assert [block.text for block in document.blocks] == ["内容"]


def test_one_server_serves_several_at_once_and_each_sees_its_own_files_only(
    spinning: Path, patient: ParseLimits, tmp_path: Path
) -> None:
    source = tmp_path / "b.txt"
    source.write_text("另一份", encoding="utf-8")
    with _parsing(spinning, patient) as errors:
        child = _wait_for_child()
        document = parse_in_child(path=source, filename="b.txt", limits=patient)
        opened = [str(link.readlink()) for link in Path(f"/proc/{child.pid}/fd").iterdir()]
        child.kill()
    assert [block.text for block in document.blocks] == ["另一份"]
    assert [error.code for error in errors] == ["parse_crashed"]
    assert [name for name in opened if "socket:" in name] == []
    assert sum("pipe:" in name for name in opened) == 2


def test_the_server_ends_with_its_worker(tmp_path: Path) -> None:
    source = tmp_path / "c.txt"
    source.write_text("内容", encoding="utf-8")
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from rag.parsing import ParseLimits, parse_in_child
        parse_in_child(path=Path(sys.argv[1]), filename="c.txt", limits=ParseLimits())
        print("done", flush=True)
        time.sleep(60)
        """
    )
    worker = subprocess.Popen([sys.executable, "-c", script, str(source)], cwd=_ROOT, stdout=subprocess.PIPE)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"done\n"
        servers = psutil.Process(worker.pid).children()
        assert len(servers) == 1
    finally:
        worker.kill()
        worker.wait()
        if worker.stdout:
            worker.stdout.close()
    gone, alive = psutil.wait_procs(servers, timeout=5)
    assert (gone, alive) == (servers, [])
