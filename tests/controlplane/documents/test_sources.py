"""Pictures of pages and the passages around a place: what a citation opens."""

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from PIL import Image
from rest_framework.test import APIClient

from controlplane.core.problems import Unavailable
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents import page_images
from controlplane.documents.models import Passage, Version
from controlplane.documents.page_images import Picture, PictureStore, pictures
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, Library
from tests.controlplane.organisations import make_organisation
from tests.rag.parsing.makers import pdf_of

FIRST = "The mortgage rate is at most seventy percent of the value"
SECOND = "High risk customers are reviewed every six months"


@pytest.fixture(autouse=True)
def nothing_drawn_yet() -> Iterator[None]:
    pictures.cache_clear()
    yield
    pictures.cache_clear()


@pytest.fixture
def paper(library: Library) -> Any:
    return library.indexed(pdf_of(FIRST, SECOND), "credit.pdf")


def page(client: APIClient, document: Any, number: int = 1, **query: Any) -> Any:
    extra = {"HTTP_IF_NONE_MATCH": query.pop("etag")} if "etag" in query else {}
    return client.get(f"{API}/documents/{document['id']}/pages/{number}", query, **extra)


def passage_ids(library: Library, document: Any) -> list[int]:
    with tenant_scope(library.tenant_id):
        found = Passage.objects.filter(document_id=document["id"]).order_by("ordinal")
        return list(found.values_list("pk", flat=True))


def test_a_page_is_a_picture_for_the_reader_alone(library: Library, paper: Any) -> None:
    drawn = page(library.client, paper, width=800)
    assert (drawn.status_code, drawn["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(drawn.content)).size == (800, 320)
    assert drawn["Cache-Control"] == "private, no-cache"
    assert drawn["X-Content-Type-Options"] == "nosniff"
    assert drawn["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in drawn["Vary"].split(",")}
    assert page(library.client, paper).content != page(library.client, paper, 2).content


def test_a_browser_that_takes_images_alone_is_answered(library: Library, paper: Any) -> None:
    path = f"{API}/documents/{paper['id']}/pages/1"
    assert library.client.get(path, HTTP_ACCEPT="image/png").status_code == 200
    refused = library.client.get(f"{API}/documents/{paper['id']}/pages/9", HTTP_ACCEPT="image/png")
    assert (refused.status_code, refused.json()["code"]) == (404, "page_not_found")


def test_the_place_of_a_passage_is_marked(library: Library, paper: Any) -> None:
    [first, *_] = passage_ids(library, paper)
    plain, marked = page(library.client, paper), page(library.client, paper, highlight=first)
    assert plain.content != marked.content
    assert plain["ETag"] != marked["ETag"]
    nothing = page(library.client, paper, highlight=2**40)
    assert (nothing.status_code, nothing["ETag"]) == (200, plain["ETag"])


def test_what_the_browser_has_is_not_drawn_again(
    library: Library, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = page(library.client, paper)["ETag"]
    pictures.cache_clear()
    monkeypatch.setattr(page_images, "draw_page_in_child", None)
    for sent in (etag, f"W/{etag}", f'"other", {etag}'):
        known = page(library.client, paper, etag=sent)
        assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
        assert known["Cache-Control"] == "private, no-cache"


def test_rights_come_before_the_cache(library: Library, paper: Any) -> None:
    organisation, other = library.organisation, make_organisation()
    etag = page(library.client, paper)["ETag"]
    readers = [
        organisation.key(organisation.energy),
        other.key(other.root, clearance=Secrecy.SECRET),
    ]
    for reader in readers:
        for sent in ("", etag, "*"):
            refused = page(reader.client, paper, etag=sent)
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert reader.client.get(f"{API}/documents/{paper['id']}/passages").status_code == 404
    searcher = organisation.key(organisation.finance, KeyScope.SEARCH)
    assert page(searcher.client, paper).status_code == 403
    assert page(APIClient(), paper).status_code == 401
    library.client.patch(f"{API}/documents/{paper['id']}", {"secrecy": "confidential"}, format="json")
    uncleared = organisation.key(organisation.finance)
    assert page(uncleared.client, paper, etag=etag).status_code == 404
    assert page(library.client, paper).status_code == 200


def test_a_deleted_document_has_no_picture_left(library: Library, paper: Any) -> None:
    etag = page(library.client, paper)["ETag"]
    assert library.client.delete(f"{API}/documents/{paper['id']}").status_code == 204
    assert page(library.client, paper, etag=etag).status_code == 404


@pytest.mark.parametrize(
    ("number", "query", "status", "code", "field"),
    [
        (0, {}, 404, "page_not_found", None),
        (3, {}, 404, "page_not_found", None),
        (10**30, {}, 404, "page_not_found", None),
        (1, {"width": 801}, 422, "invalid_field", "width"),
        (1, {"width": "８００"}, 422, "invalid_field", "width"),
        (1, {"highlight": "x"}, 422, "invalid_field", "highlight"),
        (1, {"version": 0}, 422, "invalid_field", "version"),
        (1, {"version": 2}, 404, "not_found", None),
        (1, {"version": 2**40}, 404, "not_found", None),
    ],
)
def test_wrong_requests_name_the_field(
    library: Library,
    paper: Any,
    number: int,
    query: dict[str, Any],
    status: int,
    code: str,
    field: str | None,
) -> None:
    refused = page(library.client, paper, number, **query)
    body = refused.json()
    assert (refused.status_code, body["code"], body.get("field")) == (status, code, field)


def test_other_formats_have_no_pictures(library: Library) -> None:
    text = library.indexed()
    refused = page(library.client, text)
    assert (refused.status_code, refused.json()["code"]) == (404, "page_not_rendered")
    assert refused.json()["reason"] == "unsupported_format"
    assert refused.json()["remedy"]


def test_what_cannot_be_drawn_is_told_and_not_tried_again_at_once(
    library: Library, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(library.tenant_id):
        Version.objects.filter(document_id=paper["id"]).update(pages=9)
    refused = page(library.client, paper, 7)
    assert (refused.status_code, refused.json()["code"]) == (404, "page_not_rendered")
    assert refused.json()["reason"] == "corrupt_file"
    monkeypatch.setattr(page_images, "draw_page_in_child", None)
    assert page(library.client, paper, 7).json()["reason"] == "corrupt_file"


def test_an_earlier_version_keeps_its_pictures_but_not_its_passages(library: Library, paper: Any) -> None:
    before = page(library.client, paper).content
    library.indexed(pdf_of("Something quite new is on this page now"), "credit.pdf")
    after = page(library.client, paper)
    assert after.content != before
    assert page(library.client, paper, version=1).content == before
    gone = library.client.get(f"{API}/documents/{paper['id']}/passages", {"version": 1})
    assert (gone.status_code, gone.json()["code"], gone.json()["field"]) == (404, "passages_gone", "version")
    now = library.client.get(f"{API}/documents/{paper['id']}/passages", {"version": 2}).json()
    assert (now["version"], [row["text"] for row in now["results"]]) == (
        2,
        ["Something quite new is on this page now"],
    )


def test_many_readers_draw_few_pages_at_once(
    library: Library, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing, most, count = 0, 0, 0
    lock = threading.Lock()
    real = page_images.draw_page_in_child

    def counted(**how: Any) -> bytes:
        nonlocal drawing, most, count
        with lock:
            drawing, count = drawing + 1, count + 1
            most = max(most, drawing)
        time.sleep(0.05)
        try:
            return real(**how)
        finally:
            with lock:
                drawing -= 1

    def read(place: int) -> int:
        try:
            return page(
                library.key.client, paper, 1 + place % 2, width=(800, 1200)[place % 4 // 2]
            ).status_code
        finally:
            connections.close_all()

    monkeypatch.setattr(page_images, "draw_page_in_child", counted)
    with ThreadPoolExecutor(20) as readers:
        assert set(readers.map(read, range(40))) == {200}
    assert most <= settings.ENV.page_renders
    assert count == 4


def test_no_connection_is_held_while_a_page_is_drawn(
    library: Library, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    def drawn(**_: Any) -> bytes:
        held.append(connections["default"].in_atomic_block)
        return b"png"

    monkeypatch.setattr(page_images, "draw_page_in_child", drawn)
    assert page(library.client, paper).status_code == 200
    assert held == [False]


def store(most_bytes: int = 100, slots: int = 1) -> PictureStore:
    return PictureStore(most_bytes=most_bytes, slots=threading.BoundedSemaphore(slots))


def test_the_store_is_bounded_by_bytes_and_forgets_the_oldest() -> None:
    kept, drawn = store(), []

    def get(name: str) -> None:
        kept.get((name,), lambda: drawn.append(name) or Picture(png=bytes(40)))  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name)
    assert drawn == ["a", "b", "c", "b"]
    kept.get(("large",), lambda: Picture(png=bytes(101)))
    get("c")
    assert drawn[-1] == "c"


def test_too_many_readers_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_images, "WAIT_SECONDS", 0.05)
    kept = store()
    kept.slots.acquire()
    with pytest.raises(Unavailable) as raised:
        kept.get(("a",), Picture)
    assert (raised.value.code, raised.value.retry_after) == ("rendering_busy", 3)
    kept.slots.release()
    assert kept.get(("a",), lambda: Picture(png=b"x")).png == b"x"


def test_who_waits_for_the_same_page_hears_what_became_of_it() -> None:
    kept, begun, go_on = store(), threading.Event(), threading.Event()

    def failing() -> Picture:
        begun.set()
        assert go_on.wait(10)
        raise Unavailable(code="storage_unavailable", detail="down")

    with ThreadPoolExecutor(2) as readers:
        first = readers.submit(kept.get, ("a",), failing)
        assert begun.wait(10)
        second = readers.submit(kept.get, ("a",), failing)
        time.sleep(0.05)
        go_on.set()
        for reader in (first, second):
            with pytest.raises(Unavailable):
                reader.result(timeout=10)
    assert kept.get(("a",), lambda: Picture(png=b"later")).png == b"later"


@pytest.fixture
def rules(library: Library) -> Any:
    """A document of many passages."""
    text = "\n\n".join(f"# 第{n}章\n\n" + f"第{n}条的内容。" * 80 for n in range(1, 13))
    return library.indexed(text, "rules.md")


def passages(library: Library, document: Any, **query: Any) -> Any:
    return library.client.get(f"{API}/documents/{document['id']}/passages", query)


def ordinals(body: Any) -> list[int]:
    return [row["ordinal"] for row in body["results"]]


def test_passages_are_read_on_in_both_directions(library: Library, rules: Any) -> None:
    ids = passage_ids(library, rules)
    count = len(ids)
    assert count > 12
    body = passages(library, rules, around=ids[8], limit=3).json()
    assert set(body["results"][0]) == {"chunk_id", "ordinal", "text", "page", "page_end", "section"}
    assert [row["chunk_id"] for row in body["results"]] == ids[7:10]
    assert body["results"][1]["section"]
    forward, seen = body, ordinals(body)
    while forward["next"]:
        forward = library.client.get(forward["next"]).json()
        seen += ordinals(forward)
    back = body
    while back["previous"]:
        back = library.client.get(back["previous"]).json()
        seen = ordinals(back) + seen
    assert seen == list(range(count))
    assert passages(library, rules).json()["previous"] is None
    assert ordinals(passages(library, rules, around=ids[0], limit=4).json()) == [0, 1, 2, 3]
    assert ordinals(passages(library, rules, around=ids[-1], limit=1).json()) == [count - 1]
    assert ordinals(passages(library, rules, after=count + 5).json()) == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"around": "x"}, 422, "invalid_field"),
        ({"around": 2**40}, 404, "not_found"),
        ({"limit": 0}, 422, "invalid_field"),
        ({"before": -1}, 422, "invalid_field"),
        ({"after": "１"}, 422, "invalid_field"),
        ({"version": 7}, 404, "not_found"),
    ],
)
def test_wrong_places_are_told(
    library: Library, rules: Any, query: dict[str, Any], status: int, code: str
) -> None:
    refused = passages(library, rules, **query)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_a_passage_of_another_document_is_not_found(library: Library, rules: Any, paper: Any) -> None:
    [first, *_] = passage_ids(library, paper)
    assert passages(library, rules, around=first).status_code == 404
    assert len(passages(library, rules, limit=9999).json()["results"]) <= 200


def test_the_number_of_queries_does_not_grow(
    library: Library, rules: Any, django_assert_max_num_queries: Any
) -> None:
    ids = passage_ids(library, rules)
    for limit in (1, 100):
        with django_assert_max_num_queries(18):
            passages(library, rules, around=ids[5], limit=limit)
