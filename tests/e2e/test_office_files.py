"""Real files of other projects through the whole platform: what is sound is found, what is hostile harms nothing."""

import json
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.shared, pytest.mark.timeout(900)]
FORMATS = {"pdf", "docx", "xlsx", "pptx", "html", "md", "txt", "csv", "eml"}
# Pictures of pages only: nothing can be read without OCR.
WITHOUT_TEXT = {"normal/testWPSAttachment.pptx"}
SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Library:
    client: httpx.Client
    base: str
    rows: list[dict[str, Any]]
    documents: dict[str, dict[str, Any]]


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def upload(client: httpx.Client, base: str, folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    path = folder / row["file"]
    name = row["file"].replace("/", "-")
    response = client.post(
        f"/api/v1/knowledge-bases/{base}/documents", files={"file": (name, path.read_bytes())}
    )
    return {"http": response.status_code, **response.json()}


def settled(client: httpx.Client, document: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        now = client.get(f"/api/v1/documents/{document['id']}").json()
        if now["status"] in ("ready", "failed", "cancelled"):
            return now
        time.sleep(0.5)
    pytest.fail(f"{document} did not end")


@pytest.fixture(scope="module")
def library(platform: Platform, shared_dir: Path) -> Iterator[Library]:
    folder = shared_dir / "datasets" / "office-files"
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    headers = {
        "Authorization": f"Bearer {platform.department('finance')['api_key']}",
        "Accept-Language": "en",
    }
    with httpx.Client(base_url=platform.base_url, headers=headers, timeout=120) as client:
        body = {"name": "office files", "department": "finance"}
        base = client.post("/api/v1/knowledge-bases", json=body).raise_for_status().json()["id"]
        with ThreadPoolExecutor(4) as pool:
            received = list(pool.map(lambda row: upload(client, base, folder, row), rows))
        ended = [settled(client, answer) if answer["http"] == 202 else answer for answer in received]
        documents = {
            row["file"]: answer | {"http": first["http"]}
            for row, answer, first in zip(rows, ended, received, strict=True)
        }
        yield Library(client=client, base=base, rows=rows, documents=documents)


def of_kinds(library: Library, *kinds: str) -> list[dict[str, Any]]:
    return [row for row in library.rows if row["kind"] in kinds and row["format"] in FORMATS]


def test_sound_files_are_indexed(library: Library) -> None:
    failed = {
        row["file"]: library.documents[row["file"]].get("error") or library.documents[row["file"]]
        for row in of_kinds(library, "normal", "encoding")
        if library.documents[row["file"]].get("status") != "ready"
    }
    assert set(failed) == WITHOUT_TEXT & {row["file"] for row in library.rows}, failed
    assert all(error["code"] == "no_text" for error in failed.values())


def test_what_they_contain_is_found_by_search(library: Library) -> None:
    missed = []
    for row in of_kinds(library, "normal", "encoding"):
        document = library.documents[row["file"]]
        for text in row.get("must_contain", ()):
            body = {"query": text, "knowledge_bases": [library.base], "top_k": 20}
            results = library.client.post("/api/v1/search", json=body).raise_for_status().json()["results"]
            own = sorted(
                (r for r in results if r["document_id"] == document["id"]), key=lambda r: r["chunk_id"]
            )
            if plain(text) not in plain("".join(r["text"] for r in own)):
                missed.append((row["file"], text))
    assert missed == []


def test_locked_and_broken_files_end_with_a_code_and_a_remedy(library: Library) -> None:
    for row in of_kinds(library, "encrypted", "hostile", "scanned"):
        document = library.documents[row["file"]]
        if document["http"] != 202:
            assert document["http"] in (413, 415, 422), (row["file"], document)
            assert document["code"], document["detail"]
            assert document["remedy"]
        elif document["status"] == "failed":
            assert document["error"]["code"], row["file"]
            assert document["error"]["message"], row["file"]
            assert document["chunks"] == 0
        else:
            assert document["status"] == "ready", (row["file"], document)


def test_other_formats_are_refused_in_words(library: Library) -> None:
    others = [row for row in library.rows if row["format"] not in FORMATS]
    assert len(others) >= 20
    for row in others:
        document = library.documents[row["file"]]
        assert (document["http"], document["code"]) == (415, "unsupported_format"), row["file"]


def test_nothing_died(platform: Platform, library: Library) -> None:
    status = json.loads((platform.state / "run" / "status.json").read_text(encoding="utf-8"))
    assert status["restarts"] == {} or not any(status["restarts"].values())
    assert library.client.get("/readyz").status_code == 200
