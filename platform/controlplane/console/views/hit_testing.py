"""Hit testing: what a question finds, by which leg, and whether an assistant would answer from it."""

import time
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from controlplane.console.forms import ConsoleForm
from controlplane.console.hits import HitRow, hit_rows
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.core.problems import Problem
from controlplane.core.scope import scoped
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.search import LONGEST_QUERY, SearchOutcome, record_search, search_passages
from controlplane.documents.selectors import knowledge_base_list
from rag.retrieval import Mode

MOST_BASES = 50
_COUNTS = [(str(n), str(n)) for n in (3, 5, 10, 20, 50)]


class QuestionForm(ConsoleForm):
    q = forms.CharField(label=_("Question"), max_length=LONGEST_QUERY)
    base = forms.MultipleChoiceField(label=_("Knowledge bases"), required=False)
    mode = forms.ChoiceField(
        label=_("Search"),
        choices=[("hybrid", _("Hybrid")), ("dense", _("Meaning")), ("keyword", _("Words"))],
        required=False,
    )
    k = forms.ChoiceField(label=_("Passages"), choices=_COUNTS, required=False)

    def __init__(self, *args: Any, bases: list[KnowledgeBase], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["base"].choices = [(str(base.pk), base.name) for base in bases]  # type: ignore[attr-defined]

    @property
    def way(self) -> Mode:
        chosen: Mode = self.cleaned_data["mode"] or "hybrid"
        return chosen

    @property
    def count(self) -> int:
        return int(self.cleaned_data["k"] or 10)

    def base_ids(self) -> list[UUID]:
        """Those chosen, else all there are."""
        chosen = self.cleaned_data["base"] or [key for key, _name in self.fields["base"].choices]  # type: ignore[attr-defined]
        return [UUID(key) for key in chosen[:MOST_BASES]]


class HitTesting(ConsolePage):
    """The question stands in the address, so a finding can be handed on. A search is audited like one of the API."""

    need = Need.MANAGER
    section = "hit-testing"
    title = _("Hit testing")
    template = "console/hits/hits.html"
    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with scoped(self.principal.scope()):
            bases = list(knowledge_base_list(tenant_id=self.principal.tenant).order_by("name")[:200])
        if "q" not in request.GET:
            chosen = request.GET.getlist("base")
            return self._shown(QuestionForm(bases=bases), bases, chosen=chosen)
        form = QuestionForm(request.GET, bases=bases)
        if not form.is_valid():
            return self._shown(form, bases, status=422)
        try:
            return self._found(form, bases)
        except Problem as problem:
            return self._shown(form, bases, status=problem.status, problem=problem)

    def _found(self, form: QuestionForm, bases: list[KnowledgeBase]) -> HttpResponse:
        query, base_ids = form.text("q"), form.base_ids()
        started = time.perf_counter()
        outcome = SearchOutcome(passages=())
        if base_ids:
            outcome = search_passages(
                principal=self.principal,
                knowledge_base_ids=base_ids,
                query=query,
                mode=form.way,
                top_k=form.count,
            )
        took = round((time.perf_counter() - started) * 1000)
        record_search(principal=self.principal, knowledge_base_ids=base_ids, query=query, outcome=outcome)
        rows: list[HitRow] = hit_rows(outcome=outcome, query=query, bases=bases)
        evidence = outcome.evidence(query=query)
        return self._shown(form, bases, outcome=outcome, rows=rows, took=took, evidence=evidence)

    def _shown(
        self,
        form: QuestionForm,
        bases: list[KnowledgeBase],
        *,
        status: int = 200,
        chosen: list[str] | None = None,
        **context: Any,
    ) -> HttpResponse:
        if chosen is None:
            chosen = self.request.GET.getlist("base")
        asked = {
            "q": self.request.GET.get("q", ""),
            "mode": self.request.GET.get("mode") or "hybrid",
            "k": self.request.GET.get("k") or "10",
            "bases": set(chosen),
        }
        return self.page(
            status=status,
            form=form,
            bases=bases,
            asked=asked,
            counts=[key for key, _name in _COUNTS],
            most_bases=MOST_BASES,
            **context,
        )
