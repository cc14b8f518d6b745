"""Static files: collected once and again only after a change, served under names that browsers may keep for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import storage
from django.test import override_settings
from starlette.testclient import TestClient

from controlplane.core import static_files


def storages(name: str) -> dict[str, object]:
    backend = f"django.contrib.staticfiles.storage.{name}"
    return {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A folder of static files, and the storage of a running installation."""
    folder = tmp_path / "source"
    (folder / "a").mkdir(parents=True)
    (folder / "a/style.css").write_text("body { background: url(dot.svg) }")
    (folder / "a/dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with override_settings(
        STATICFILES_DIRS=[folder],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        STATIC_ROOT=tmp_path / "static",
        STORAGES=storages("ManifestStaticFilesStorage"),
    ):
        yield folder


def client() -> TestClient:
    return TestClient(static_files.StaticFilesApplication(), raise_server_exceptions=True)


def test_they_are_collected_again_only_after_a_change(source: Path, tmp_path: Path) -> None:
    assert static_files.collect() is True
    assert static_files.collect() is False
    (source / "a/style.css").write_text("body { color: red }")
    assert static_files.collect() is True
    (source / "a/dot.svg").unlink()
    assert static_files.collect() is True
    assert sorted(path.name.split(".")[0] for path in (tmp_path / "static/a").iterdir()) == ["style", "style"]


def test_a_collection_that_broke_off_is_made_again(source: Path, tmp_path: Path) -> None:
    static_files.collect()
    (tmp_path / "static" / static_files.MARK).unlink()
    (tmp_path / "static" / static_files.MANIFEST).write_text("{")
    assert static_files.collect() is True


def test_hashed_names_are_kept_for_good_and_plain_ones_asked_for_again(source: Path) -> None:
    static_files.collect()
    name = storage.staticfiles_storage.url("a/style.css")
    hashed, plain = client().get(name), client().get("/static/a/style.css")
    assert (hashed.status_code, hashed.headers["cache-control"]) == (200, static_files.FOR_GOOD)
    assert (plain.status_code, plain.headers["cache-control"]) == (200, static_files.ASK_AGAIN)
    assert hashed.headers["content-type"].startswith("text/css")
    assert hashed.headers["x-content-type-options"] == "nosniff"
    assert storage.staticfiles_storage.stored_name("a/dot.svg").removeprefix("a/") in hashed.text
    seen = client().get(name, headers={"If-None-Match": hashed.headers["etag"]})
    assert (seen.status_code, seen.headers["cache-control"]) == (304, static_files.FOR_GOOD)


@pytest.mark.parametrize(
    "path",
    ["a", "a/", "", "staticfiles.json", static_files.MARK, "../secrets.json", "a/%2e%2e/%2e%2e/x", "a/%00"],
)
def test_nothing_else_is_served(source: Path, tmp_path: Path, path: str) -> None:
    static_files.collect()
    (tmp_path / "secrets.json").write_text("{}")
    assert client().get(f"/static/{path}").status_code == 404


def test_it_is_only_read(source: Path) -> None:
    static_files.collect()
    response = client().post("/static/a/style.css")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_without_hashed_names_they_come_straight_from_the_source(source: Path, tmp_path: Path) -> None:
    with override_settings(STORAGES=storages("StaticFilesStorage")):
        assert static_files.collect() is False
        assert not (tmp_path / "static").exists()
        response = client().get("/static/a/style.css")
        assert (response.status_code, response.headers["cache-control"]) == (200, static_files.ASK_AGAIN)
        assert client().get("/static/a/none.css").status_code == 404
