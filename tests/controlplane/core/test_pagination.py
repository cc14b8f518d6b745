"""Lists by page: cursors are ours or refused, and links lead to this installation whatever a request calls it."""

import pytest
from django.conf import settings

from controlplane.identity.models import KeyScope
from tests.controlplane.organisations import Organisation

# "p=x", "p=-1", "p=", thousands of nines, not ASCII, "r=1&p=x"
STRANGE = ("cD14", "cD0tMQ==", "cD0", "cD05" + "OTk5" * 1700, "é", "cj0xJnA9eA==")


@pytest.mark.parametrize("cursor", STRANGE)
def test_a_cursor_that_no_page_gave_is_refused(organisation: Organisation, cursor: str) -> None:
    client = organisation.key(organisation.root, *KeyScope.values).client
    response = client.get("/api/v1/departments", {"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")
    assert response.json()["field"] == "cursor"


def test_a_cursor_of_another_kind_of_list_is_refused(organisation: Organisation) -> None:
    client = organisation.key(organisation.root, *KeyScope.values).client
    events = client.get("/api/v1/audit-events", {"limit": 1}).json()
    cursor = events["next"].partition("cursor=")[2].partition("&")[0].replace("%3D", "=")
    response = client.get("/api/v1/departments", {"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")


def test_pages_follow_each_other_whatever_the_host_header_says(organisation: Organisation) -> None:
    client = organisation.key(organisation.root, *KeyScope.values).client
    link, slugs = "/api/v1/departments?limit=3", []
    while link:
        page = client.get(link, HTTP_HOST="evil.example").json()
        slugs += [d["slug"] for d in page["results"]]
        for side in ("next", "previous"):
            assert page[side] is None or page[side].startswith(f"{settings.BASE_URL}/api/v1/departments?")
        link = page["next"]
    assert slugs == ["energy", "lending", "finance", "root"]
