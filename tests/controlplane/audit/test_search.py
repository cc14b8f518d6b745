"""Finding events: by what they are about, by prefix, by period, by text, and all of them as a file."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from controlplane.audit import search
from controlplane.audit.search import EventQuery, events_found, events_matching
from controlplane.audit.selectors import event_list
from controlplane.audit.services import record
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope
from tests.controlplane.organisations import Organisation

TALK = "01a20000-0000-7000-8000-000000000001"
FILE = "01a20000-0000-7000-8000-000000000002"
EVENTS = (
    ("user:1", "question.asked", "message:1", {"conversation": TALK, "question": "抵押率最高是多少？"}),
    ("key:2", "answer.given", "message:2", {"model": "DeepSeek-R1", "documents": [FILE]}),
    ("user:1", "answer.refused", "message:3", {"reason": "weak_evidence"}),
    ("user:1", "document.uploaded", f"document:{FILE}", {"filename": "=1+1.pdf"}),
    ("user:1", "conversation.deleted", f"conversation:{TALK}", {}),
)


@pytest.fixture
def trail(organisation: Organisation) -> Organisation:
    with tenant_scope(organisation.tenant.pk):
        for actor, action, target, data in EVENTS:
            record(tenant_id=organisation.tenant.pk, actor=actor, action=action, target=target, **data)
    return organisation


def actions(organisation: Organisation, query: EventQuery) -> list[str]:
    with tenant_scope(organisation.tenant.pk):
        return [event.action for event in events_matching(tenant_id=organisation.tenant.pk, query=query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (EventQuery(action="answer.*"), ["answer.refused", "answer.given"]),
        (EventQuery(action="answer.given"), ["answer.given"]),
        (EventQuery(target="document:*"), ["document.uploaded"]),
        (EventQuery(actor="key:2"), ["answer.given"]),
        (EventQuery(conversation=TALK), ["conversation.deleted", "question.asked"]),
        (EventQuery(document=FILE), ["document.uploaded"]),
        (EventQuery(text="抵押率"), ["question.asked"]),
        (EventQuery(text="deepseek-r1"), ["answer.given"]),
        (EventQuery(text="WEAK_", actor="user:1"), ["answer.refused"]),
        (EventQuery(text="100%"), []),
        (EventQuery(action="answer.*", text="weak"), ["answer.refused"]),
    ],
)
def test_events_are_found(trail: Organisation, query: EventQuery, expected: Sequence[str]) -> None:
    assert actions(trail, query) == expected


def test_a_star_alone_is_no_filter(trail: Organisation) -> None:
    assert len(actions(trail, EventQuery(action="*", actor="user:1"))) == 4


def test_a_period_holds_its_beginning_and_not_its_end(trail: Organisation) -> None:
    with tenant_scope(trail.tenant.pk):
        times = [event.at for event in event_list(tenant_id=trail.tenant.pk)]
    newest, third = times[0], times[2]
    assert actions(trail, EventQuery(start=third)) == [
        "conversation.deleted", "document.uploaded", "answer.refused",
    ]  # fmt: skip
    assert actions(trail, EventQuery(start=third, end=newest)) == ["document.uploaded", "answer.refused"]
    assert actions(trail, EventQuery(start=datetime.now(UTC) + timedelta(days=1))) == []
    assert actions(trail, EventQuery(end=datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_a_search_reads_a_part_and_says_where_it_goes_on(
    trail: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_AT_ONCE", 2)
    found, before = [], None
    for _ in range(10):
        with tenant_scope(trail.tenant.pk):
            page = events_found(
                tenant_id=trail.tenant.pk, query=EventQuery(text="message:"), before=before, limit=1
            )
        assert len(page.events) <= 1
        found += [event.action for event in page.events]
        before = page.following
        if before is None:
            break
    assert found == ["answer.refused", "answer.given", "question.asked"]


def test_a_busy_actor_is_read_a_part_at_a_time_too(
    trail: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the actor's own events so many, not of all: what others did in between does not count."""
    monkeypatch.setattr(search, "READ_AT_ONCE", 1)
    pages, before = [], None
    for _ in range(10):
        with tenant_scope(trail.tenant.pk):
            query = EventQuery(actor="user:1", text="message:")
            page = events_found(tenant_id=trail.tenant.pk, query=query, before=before, limit=5)
        pages.append([event.action for event in page.events])
        before = page.following
        if before is None:
            break
    assert len(pages) > 2
    assert [action for page in pages for action in page] == ["answer.refused", "question.asked"]


def listed(organisation: Organisation, **params: str) -> Any:
    key = organisation.key(organisation.root, KeyScope.ADMIN)
    return key.client.get("/api/v1/audit-events", params)


def test_the_api_searches_and_pages(trail: Organisation) -> None:
    first = listed(trail, q="user:1", limit="2").json()
    assert [row["action"] for row in first["results"]] == ["conversation.deleted", "document.uploaded"]
    key = trail.key(trail.root, KeyScope.ADMIN)
    second = key.client.get(first["next"]).json()
    assert [row["action"] for row in second["results"]] == ["answer.refused", "question.asked"]
    assert listed(trail, conversation=TALK).json()["results"][0]["action"] == "conversation.deleted"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"conversation": "x"}, "conversation"),
        ({"q": "x" * 201}, "q"),
        ({"q": "x", "cursor": "x"}, "cursor"),
    ],
)
def test_bad_input_names_its_field(trail: Organisation, params: dict[str, str], field: str) -> None:
    response = listed(trail, **params)
    assert (response.status_code, response.json()["field"]) == (422, field)


def test_the_trail_is_exported_and_that_is_recorded(trail: Organisation) -> None:
    response = listed(trail, target="document:*", format="csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    [row] = csv.DictReader(StringIO(content))
    assert (row["action"], row["data"]) == ("document.uploaded", '{"filename": "=1+1.pdf"}')
    with tenant_scope(trail.tenant.pk):
        [event] = event_list(tenant_id=trail.tenant.pk, action="audit.exported")
    assert event.data == {"search": {"target": "document:*"}}


def test_an_export_goes_on_from_block_to_block(trail: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.audit.exports._AT_ONCE", 2)
    content = b"".join(listed(trail, action="*", format="csv").streaming_content).decode("utf-8-sig")
    sequences = [int(row["sequence"]) for row in csv.DictReader(StringIO(content))]
    assert sequences == sorted(set(sequences), reverse=True)
    assert sequences[-1] == 1
    assert len(sequences) == sequences[0]


def test_only_administrators_of_the_tenant_export(trail: Organisation) -> None:
    for key in (
        trail.key(trail.finance, KeyScope.ADMIN),
        trail.key(trail.root, KeyScope.DOCUMENTS_WRITE),
    ):
        response = key.client.get("/api/v1/audit-events", {"format": "csv"})
        assert response.status_code == 403
    response = trail.key(trail.root, KeyScope.ADMIN).client.get(
        "/api/v1/audit-events", {"format": "csv", "chain": "platform"}
    )
    assert response.status_code == 403
    with tenant_scope(trail.tenant.pk):
        assert not event_list(tenant_id=trail.tenant.pk, action="audit.exported").exists()
