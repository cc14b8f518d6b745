"""A stand-in project in a place of its own, started and stopped as an operator would."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.embedded.ports import find_free
from tests.deploy.processes import kill_within, wait_for, within

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).parent / "standins"
SYSTEM_PYTHON = "/usr/bin/python3"
NOBODY = 65534
READY = "Karez is ready"


@dataclass(frozen=True)
class Start:
    program: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def until(self, text: str, *, seconds: float = 40) -> str:
        """Wait for the text; everything said so far."""
        wait_for(lambda: text in self.said() or self.program.poll() is not None, seconds=seconds, what=text)
        assert text in self.said(), self.said()
        return self.said()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        self.program.send_signal(number)
        return self.program.wait(timeout=20)


@dataclass(frozen=True)
class Project:
    root: Path
    port: int
    user: int | None
    starts: list[Start] = field(default_factory=list)

    def up(self, *arguments: str, **more: str) -> Start:
        output = self.root / f"said-{len(self.starts)}"
        with output.open("wb") as file:
            program = subprocess.Popen(
                self._command("up", *arguments),
                env=self._environment(**more),
                stdout=file,
                stderr=subprocess.STDOUT,
                **self._as_user(),
            )
        self.starts.append(Start(program=program, output=output))
        return self.starts[-1]

    def down(self) -> str:
        result = subprocess.run(
            self._command("down"),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            **self._as_user(),
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def manage(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Its exit status and what it said, by a file: stand-ins leave grandchildren that would hold a pipe open."""
        output = self.root / "said-by-manage"
        with output.open("wb") as file:
            result = subprocess.run(
                self._command("manage", *arguments),
                env=self._environment(**more),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=40,
                check=False,
                **self._as_user(),
            )
        return result.returncode, output.read_text()

    def _command(self, *arguments: str) -> list[str]:
        python = self.root / ".venv/bin/python" if self.user else sys.executable
        return [str(python), "-m", "deploy.embedded", *arguments]

    def _environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KAREZ_")}
        own = {"PYTHONPATH": str(self.root), "STANDIN_DIRECTORY": str(self.root), "HOME": str(self.root)}
        return {**clean, **own, "KAREZ_PORT": str(self.port), "KAREZ_MODEL": "0.5b", **more}

    def _as_user(self) -> dict[str, Any]:
        named: dict[str, Any] = {"cwd": self.root}
        if self.user:
            named.update(user=self.user, group=self.user, extra_groups=[])
        return named

    def processes(self) -> dict[int, str]:
        return within(self.root)

    def recorded(self, name: str) -> dict[str, str]:
        """The environment a stand-in was started with."""
        found: dict[str, str] = json.loads((self.root / f"{name}.environment.json").read_text())
        return found

    def state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "var" / name).read_text())
        return found

    def remove(self) -> None:
        kill_within(self.root)
        for start in self.starts:
            start.program.wait()
        shutil.rmtree(self.root.parents[1])


def make_project(*, user: int | None = None, parent_mode: int = 0o755) -> Project:
    """A clone under a path with spaces and Chinese, whose parent has that mode."""
    parent = Path(tempfile.mkdtemp(prefix="karez-up-"))
    parent.chmod(parent_mode)
    root = parent / "坎儿井 部署" / "karez clone"
    shutil.copytree(STANDINS, root)
    for shared in ("deploy", "inference/secret_files.py"):
        (root / shared).symlink_to(ROOT / shared)
    if user:
        _link_packages(root)
    for path in (root, *root.rglob("*")):
        if user and not path.is_symlink():
            os.chown(path, user, user)
    return Project(root=root, port=find_free(), user=user)


def _link_packages(root: Path) -> None:
    """An environment of the system's Python, for a user who cannot reach the one of this test run."""
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    packages = next((root / ".venv/lib").glob("python*/site-packages"))
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")


def can_be_ordinary() -> str:
    """Why a test cannot be run as an ordinary user; empty when it can."""
    if os.geteuid() != 0:
        return "not root: every test runs as an ordinary user already"
    try:
        pwd.getpwuid(NOBODY)
    except KeyError:
        return "there is no account 65534"
    site = sysconfig.get_path("purelib")
    probe = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import psycopg, httpx"],
        env={"PYTHONPATH": site},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    return "" if probe.returncode == 0 else "no interpreter that account 65534 may run has the packages"
