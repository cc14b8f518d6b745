"""The installer's decisions, with stand-ins for uv and without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE_UV = """#!/bin/sh
echo "$@" >> "$UV_LOG"
echo "index=${UV_DEFAULT_INDEX:-} links=${UV_FIND_LINKS:-} certificate=${SSL_CERT_FILE:-}" >> "$UV_LOG"
exit "${UV_STATUS:-0}"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "新 clone"
    shutil.copytree(ROOT / "requirements", root / "requirements")
    (root / "deploy/embedded").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/embedded/install.sh", root / "deploy/embedded")
    tools = root / "tools"
    tools.mkdir()
    (tools / "uv").write_text(FAKE_UV)
    (tools / "uv").chmod(0o755)
    return root


def install(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    paths = f"{clone / 'tools'}:{clean['PATH']}"
    return subprocess.run(
        ["sh", "deploy/embedded/install.sh", *arguments],
        cwd=clone,
        env={**clean, "PATH": paths, "UV_LOG": str(clone / "uv.log"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def calls(clone: Path) -> list[str]:
    log = clone / "uv.log"
    return [line for line in log.read_text().splitlines() if line.startswith("pip ")] if log.exists() else []


def test_a_second_run_does_nothing_until_the_requirements_change(clone: Path) -> None:
    assert install(clone).returncode == 0
    assert len(calls(clone)) == 1
    sets = ("base", "embedded", "chat")
    assert calls(clone)[0].endswith("pip " + " ".join(f"-r requirements/{name}.txt" for name in sets))

    again = install(clone, PATH="/usr/bin:/bin", KAREZ_PYTHON="/no/python")  # needs neither uv nor Python
    assert (again.returncode, again.stdout) == (0, "")

    with (clone / "requirements/base.txt").open("a") as file:
        file.write("# changed\n")
    assert install(clone).returncode == 0
    assert len(calls(clone)) == 2


def test_dev_holds_for_the_base_too_but_not_the_other_way_round(clone: Path) -> None:
    install(clone)
    install(clone, "dev")
    assert calls(clone)[1].endswith("-r requirements/dev.txt")
    install(clone)
    install(clone, "dev")
    assert len(calls(clone)) == 2


def test_a_failed_install_leaves_no_stamp_and_says_what_to_do(clone: Path) -> None:
    failed = install(clone, UV_STATUS="1", PIP_NO_INDEX="1")
    assert failed.returncode == 1
    assert "Karez could not be installed: the packages above could not be installed." in failed.stderr
    assert "PIP_INDEX_URL=" in failed.stderr
    assert install(clone).returncode == 0
    assert len(calls(clone)) == 2


def test_pip_settings_and_certificates_reach_uv(clone: Path) -> None:
    given = {"PIP_INDEX_URL": "https://mirror.example/simple", "PIP_FIND_LINKS": "/wheels /more"}
    install(clone, **given, SSL_CERT_FILE="/etc/own.pem")
    said = (clone / "uv.log").read_text()
    assert "index=https://mirror.example/simple links=/wheels,/more certificate=/etc/own.pem" in said


def test_the_sources_are_importable_wherever_the_clone_is_moved(clone: Path, tmp_path: Path) -> None:
    install(clone)
    moved = clone.rename(tmp_path / "moved")
    (moved / "platform/controlplane").mkdir(parents=True)
    (moved / "platform/controlplane/__init__.py").touch()
    (moved / "deploy/__init__.py").touch()
    program = "import controlplane, deploy, platform; print(platform.python_version_tuple()[0])"
    result = subprocess.run(
        [moved / ".venv/bin/python", "-c", program], cwd="/", capture_output=True, text=True, check=False
    )
    assert result.stdout == "3\n", result.stderr


def test_an_old_or_missing_python_is_named(clone: Path) -> None:
    failed = install(clone, KAREZ_PYTHON="/bin/false")
    assert failed.returncode == 1
    assert "KAREZ_PYTHON=/bin/false is not a Python of version 3.11 or newer." in failed.stderr
    assert not (clone / ".venv").exists()


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("up", "down", "test", "check", "fmt", "lock", "bench", "bench-start"):
        assert f"  make {target} " in listed
