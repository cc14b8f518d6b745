"""The trail: reading, filtering, verifying and exporting it; the tenant's, and the platform's own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.audit.chain import PLATFORM_CHAIN, Break
from controlplane.audit.exports import HEADER, exported_block
from controlplane.audit.search import EventQuery, FoundEvents, events_page
from controlplane.audit.selectors import (
    ChainHead,
    VerificationProgress,
    chain_head,
    verification_begin,
    verification_step,
)
from controlplane.audit.services import export_note
from controlplane.console.audit_words import GROUPS, sentence
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.console.targets import Target, targets_of
from controlplane.core.csv_export import Block, csv_response
from controlplane.core.days import begin_of
from controlplane.core.problems import InvalidInput
from controlplane.core.scope import Scope, scoped
from controlplane.identity.actors import Actor, actors_matching, actors_of

_PAGE = 50
_SALT = "controlplane.console.audit"


@dataclass(frozen=True, slots=True)
class EventRow:
    sequence: int
    at: datetime
    actor: Actor
    sentence: str
    action: str
    target: Target
    target_text: str
    raw: str


class Trail(ConsolePage):
    need = Need.TENANT_ADMIN
    section = "audit"
    title = gettext_lazy("Audit")
    template = "console/audit/list.html"
    page_name: ClassVar[str] = "audit"

    @property
    def chain(self) -> UUID:
        return self.principal.tenant

    @contextmanager
    def sight(self) -> Iterator[None]:
        with scoped(self.principal.scope()):
            yield

    def context(self, **kwargs: Any) -> dict[str, Any]:
        asked = {
            n: self.request.GET.get(n, "") for n in ("q", "who", "group", "target", "from", "to", "before")
        }
        candidates = self._candidates(asked["who"])
        query = event_query(asked, candidates)
        with self.sight():
            head = chain_head(tenant_id=self.chain)
            nobody = bool(asked["who"]) and not query.actor
            before = (
                int(asked["before"]) if asked["before"].isdecimal() and len(asked["before"]) < 19 else None
            )
            found = (
                FoundEvents([], None)
                if nobody
                else events_page(tenant_id=self.chain, query=query, before=before, limit=_PAGE)
            )
        return {
            "rows": self._rows(found),
            "following": found.following,
            # Fewer than a page holds, and more to look through: it read as far as it may.
            "is_partial": bool(found.following) and 0 < len(found.events) < _PAGE,
            "asked": asked,
            "is_filtered": any(asked.values()),
            "candidates": candidates if nobody else [],
            "nobody": nobody and not candidates,
            "groups": GROUPS,
            "head": head,
            "names": {part: f"{self.page_name}-{part}" for part in ("verify", "export")},
            "page_address": reverse(f"console:{self.page_name}"),
            "subtitle": _(
                "Who did what, and when. Nobody can change or delete an event; the chain proves it."
            ),
        }

    def _candidates(self, who: str) -> list[Actor]:
        if not who or self.principal.tenant_id is None:
            return []
        if who.startswith(("user:", "key:")) or who == "system":
            return [actors_of(tenant_id=self.principal.tenant, actors=[who])[who]]
        return actors_matching(tenant_id=self.principal.tenant, q=who)

    def _rows(self, found: FoundEvents) -> list[EventRow]:
        tenant_id = self.principal.tenant_id or PLATFORM_CHAIN
        actors = actors_of(tenant_id=tenant_id, actors=[e.actor for e in found.events])
        targets = targets_of(_subject(e.target, e.data) for e in found.events)
        rows = []
        for event in found.events:
            target = targets.get(_subject(event.target, event.data), Target())
            rows.append(
                EventRow(
                    sequence=event.sequence,
                    at=event.at,
                    actor=actors[event.actor],
                    sentence=sentence(action=event.action, data=event.data, target=target.name),
                    action=event.action,
                    target=target,
                    target_text=event.target,
                    raw=json.dumps(
                        {
                            "actor": event.actor,
                            "action": event.action,
                            "target": event.target,
                            "data": event.data,
                            "hash": event.hash,
                        },
                        ensure_ascii=False,
                        indent=2,
                    ),
                )
            )
        return rows


def _subject(target: str, data: dict[str, Any]) -> str:
    """A question and an answer are read in their conversation."""
    conversation = data.get("conversation")
    return f"conversation:{conversation}" if conversation and target.startswith("message:") else target


def event_query(asked: dict[str, str], candidates: list[Actor]) -> EventQuery:
    """Of several people who match, none is meant yet."""
    one = candidates[0].text if len(candidates) == 1 else ""
    until = _day(asked["to"])
    return EventQuery(
        action=asked["group"] if asked["group"] in dict(GROUPS) else "",
        actor=one,
        target=asked["target"].replace("\x00", "")[:128],
        start=_day(asked["from"]),
        end=until + timedelta(days=1) if until else None,
        text=asked["q"].strip().replace("\x00", "")[:200],
    )


def _day(text: str) -> datetime | None:
    """Its beginning. Days that are none are left out."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return begin_of(day) if day else None


class TrailVerify(Trail):
    """POST: some thousand links of the chain, and the place where the next request goes on. No request is a long one."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        with self.sight():
            state = _loaded(request.POST.get("state", ""), self.chain)
            progress = state or verification_begin(tenant_id=self.chain)
            if not progress.is_done:
                progress = verification_step(tenant_id=self.chain, progress=progress)
        context = {
            "progress": progress,
            "state": signing.dumps([str(self.chain), asdict(progress)], salt=_SALT),
            "address": reverse(f"console:{self.page_name}-verify"),
        }
        return render(request, "console/audit/verification.html", context)


def _loaded(state: str, chain: UUID) -> VerificationProgress | None:
    """None for a state that is none of ours, or of another chain."""
    try:
        of, fields = signing.loads(state, salt=_SALT, max_age=3600)
    except signing.BadSignature:
        return None
    if of != str(chain):
        return None
    broken = fields.pop("first_break")
    head = ChainHead(**fields.pop("head"))
    return VerificationProgress(head=head, first_break=Break(**broken) if broken else None, **fields)


class TrailExport(Trail):
    """What the filters of the list show, however much; the export is an event itself."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        asked = {n: request.GET.get(n, "") for n in ("q", "who", "group", "target", "from", "to")}
        query, chain = event_query(asked, self._candidates(asked["who"])), self.chain
        if asked["who"] and not query.actor:  # the list shows nobody's events then, and not everybody's
            raise InvalidInput(
                code="actor_unclear",
                field="who",
                detail=_("It is not clear whose events are meant: nobody or several people match."),
                remedy=_("Choose one person or key in the list first."),
            )
        export_note(actor=self.principal.actor, tenant_id=chain, query=query)

        def read(before: int | None) -> Block[int]:
            with self.sight():
                return exported_block(tenant_id=chain, query=query, before=before)

        return csv_response(request=request, filename=f"{self.page_name}.csv", header=HEADER, read=read)


class _OfPlatform:
    need = Need.PLATFORM_ADMIN
    section = "platform-audit"
    title = gettext_lazy("Audit of the platform")
    page_name = "platform-audit"
    chain = PLATFORM_CHAIN

    @contextmanager
    def sight(self) -> Iterator[None]:
        with scoped(Scope(tenant_id=PLATFORM_CHAIN, administers=True)):
            yield


class PlatformTrail(_OfPlatform, Trail):  # type: ignore[misc]
    """What concerns people of no tenant, and the platform's administrators."""


class PlatformTrailVerify(_OfPlatform, TrailVerify):  # type: ignore[misc]
    pass


class PlatformTrailExport(_OfPlatform, TrailExport):  # type: ignore[misc]
    pass
