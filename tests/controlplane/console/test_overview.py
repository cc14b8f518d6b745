"""The overview and the usage: figures that lead to their lists, and that only reviewers see."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.chat.models import MessageStatus
from controlplane.console.views.home import _days, _usage_chart, address_of
from controlplane.core.days import begin_of
from controlplane.metering.figures import NOTHING
from controlplane.metering.overview import Link
from controlplane.metering.selectors import UsageGroup
from controlplane.metering.spans import UsageQuery
from controlplane.tenants.models import Role
from tests.controlplane.chat.conversations import Held, hold
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.knowledge import Text, make_assistant, make_base
from tests.controlplane.organisations import Organisation


@pytest.fixture
def held(organisation: Organisation) -> Held:
    base = make_base(department=organisation.finance, name="制度", texts=[Text("办法", "最高不超过70%。")])
    assistant = make_assistant(department=organisation.finance, slug="finance", bases=[base])
    hold(asker=organisation.member(organisation.finance), assistant=assistant, status=MessageStatus.REFUSED)
    return hold(asker=organisation.member(organisation.finance), assistant=assistant)


def test_the_figures_lead_to_their_lists(organisation: Organisation, held: Held) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    page = client.get("/")
    assert page.status_code == 200
    links = re.findall(r'href="(/conversations/\?[^"]+)"', page.text)
    refused = next(link for link in links if "status=refused" in link)
    listed = client.get(refused.replace("&amp;", "&"))
    assert listed.text.count('<td class="main">') == 1


def test_a_links_days_are_the_readers(organisation: Organisation) -> None:
    now = timezone.now()
    link = Link("conversations", {"status": "refused", "from": now.isoformat(), "to": now.isoformat()})
    day = timezone.localtime(now).date().isoformat()
    assert address_of(link) == f"/conversations/?status=refused&since={day}&until={day}"
    assert address_of(Link("nowhere", {})) == ""


@pytest.mark.parametrize("group", ["day", "hour", "department", "assistant", "model", "nonsense"])
def test_usage_in_every_grouping(organisation: Organisation, held: Held, group: str) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    page = client.get(f"/usage/?group_by={group}&since=not-a-day")
    assert page.status_code == 200
    assert page.text.count('scope="row"') >= 1
    for days in ("since=0001-01-01&until=9999-12-31", "until=0001-01-01", "since=9999-12-31"):
        assert client.get(f"/usage/?group_by={group}&{days}").status_code == 200
    until = (timezone.now() - timedelta(days=400)).date().isoformat()
    assert client.get(f"/usage/?group_by={group}&until={until}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/usage/"])
def test_of_other_departments_nothing_is_counted(
    organisation: Organisation, other: Organisation, held: Held, path: str
) -> None:
    for stranger in (
        organisation.member(organisation.energy, Role.MANAGER),
        other.member(other.root, Role.ADMIN),
    ):
        page = signed_in(stranger).get(path)
        assert page.status_code == 200
        assert "finance" not in page.text
    assert signed_in(organisation.member(organisation.finance)).get("/usage/").status_code == 403


def test_the_overview_asks_the_database_as_often_for_many_as_for_one(
    organisation: Organisation, held: Held
) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    client.get("/")
    with CaptureQueriesContext(connection) as one:
        client.get("/")
    asker = organisation.member(organisation.finance)
    for _ in range(5):
        hold(asker=asker, assistant=held.conversation.assistant)
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) <= len(one)
    assert len(one) <= 55


def test_a_period_by_day_is_drawn_with_its_days_without_questions() -> None:
    start = begin_of(date(2026, 5, 1))
    query = UsageQuery(start=start, end=start + timedelta(days=4), group_by="day")
    days = _days(query)
    assert [day.isoformat() for day in days] == ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"]
    asked = UsageGroup("2026-05-03", "2026-05-03", replace(NOTHING, prompt_tokens=7))
    chart = _usage_chart([asked], days)
    assert chart.labels == [day.isoformat() for day in days]
    assert [bar.title.split(" · ")[0] for bar in chart.bars] == ["2026-05-03"]
    assert _usage_chart([], days).is_empty
    assert _days(replace(query, group_by="model")) == ()
