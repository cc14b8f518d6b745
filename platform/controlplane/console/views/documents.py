"""The documents of a base, and one document: its source, its settings."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.console.addresses import api_address
from controlplane.console.document_rows import document_row, document_rows
from controlplane.console.forms import ConsoleForm
from controlplane.console.pages import back_to
from controlplane.console.paging import list_page
from controlplane.console.secrecy import secrecy_choices
from controlplane.console.uploads import upload_context
from controlplane.console.views.knowledge import KnowledgePage
from controlplane.core.problems import NotFound, Problem
from controlplane.core.secrecy import Secrecy
from controlplane.documents import selectors
from controlplane.documents.contents import base_contents
from controlplane.documents.metadata import metadata_fault
from controlplane.documents.models import Document, DocumentStatus, Version
from controlplane.documents.services.documents import document_delete, document_update
from controlplane.identity.principal import Principal

_LONGEST_NAME = 255
PASSAGES = 40
# What a filter of the list is called, and the states of documents that it shows.
FILTERS: dict[str, tuple[str, ...]] = {
    "": (),
    "ready": (DocumentStatus.READY,),
    "indexing": selectors.UNDER_WAY,
    "failed": (DocumentStatus.FAILED,),
    "cancelled": (DocumentStatus.CANCELLED,),
}


class BaseDocuments(KnowledgePage):
    """The list refreshes itself while a document in it is being indexed: HTMX asks for this page and takes the list."""

    template = "console/knowledge/base.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        base = self.base(kwargs["base_id"])
        status = self.request.GET.get("status", "")
        status = status if status in FILTERS else ""
        text = self.request.GET.get("q", "")[:_LONGEST_NAME]
        documents = selectors.document_list(
            tenant_id=self.principal.tenant, base_id=base.pk, statuses=FILTERS[status], text=text
        )
        page = list_page(request=self.request, queryset=documents)
        rows = document_rows(page.rows)
        contents = base_contents(tenant_id=self.principal.tenant, bases=[base])
        return {
            "title": base.name,
            "crumbs": self.crumbs(),
            "base": base,
            "content": contents[base.pk],
            "tab": "documents",
            "list": page,
            "rows": rows,
            "is_running": any(row.is_running for row in rows),
            "state": status,
            "text": text,
            "may_write": base.department_id in self.principal.write_departments,
            "upload": upload_context(principal=self.principal, base=base),
        }


class DocumentPart(KnowledgePage):
    """A tab of one document; all of them show the same facts."""

    tab = "source"

    def document(self, document_id: UUID) -> Document:
        return selectors.document_get(tenant_id=self.principal.tenant, document_id=document_id)

    def shown(self, document: Document) -> dict[str, Any]:
        base = document.knowledge_base
        return {
            "title": document.title or document.filename,
            "crumbs": self.crumbs((base.name, reverse("console:base", args=[base.pk]))),
            "document": document,
            "base": base,
            "row": document_row(document),
            "tab": self.tab,
            "api": api_address(),
            "may_write": document.department_id in self.principal.write_departments,
        }


class DocumentSource(DocumentPart):
    """The passages of the version that answers, beside a picture of their page where the format has pages."""

    template = "console/documents/source.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        document = self.document(kwargs["document_id"])
        version = selectors.source_version(document=document)
        shown = self._of_page(version) if version.pages else self._in_order(document)
        return self.shown(document) | {
            "version": version,
            "chosen": number_in(self.request, "passage", 0),
            "has_pictures": version.format == "pdf",
            "page_number": 1,
            **shown,
        }

    def _of_page(self, version: Version) -> dict[str, Any]:
        pages = selectors.page_count(version=version)
        page = min(number_in(self.request, "page"), pages)
        passages = selectors.page_passages(version=version, page=page)
        return {"passages": passages, "page_number": page, "pages": pages}

    def _in_order(self, document: Document) -> dict[str, Any]:
        """A format without pages: so many passages at a time, at first those round the chosen one."""
        around = number_in(self.request, "passage", 0) or None
        place = {
            name: number_in(self.request, name, 0) for name in ("before", "after") if name in self.request.GET
        }
        try:
            part = selectors.passages_page(
                document=document, version=None, limit=PASSAGES, around=around, **place
            )
        except NotFound:  # the passage of an older version, or of nothing
            part = selectors.passages_page(document=document, version=None, limit=PASSAGES, **place)
        return {"passages": part.passages, "before": part.before, "after": part.after}


def number_in(request: HttpRequest, name: str, default: int = 1) -> int:
    """A number of the query string; what is none counts as the default."""
    raw = request.GET.get(name, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 and int(raw) else default


class DocumentChange(ConsoleForm):
    secrecy = forms.ChoiceField(
        label=gettext_lazy("Secrecy"),
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "Takes effect with the next question. A document is never less secret than its knowledge base."
        ),
    )
    metadata = forms.CharField(
        label=gettext_lazy("Metadata"),
        required=False,
        max_length=16 * 1024,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy(
            "A JSON object of your own, for example a file number or a source; programs read it."
        ),
    )

    def __init__(self, *args: Any, principal: Principal, document: Document, **kwargs: Any) -> None:
        text = json.dumps(document.metadata, ensure_ascii=False, indent=2)
        initial = {"secrecy": Secrecy(document.secrecy).slug, "metadata": text}
        super().__init__(*args, initial=initial, **kwargs)
        cleared = principal.clearances.get(document.department_id, Secrecy.PUBLIC)
        least = document.knowledge_base.secrecy
        choices = [c for c in secrecy_choices(upto=cleared) if Secrecy.from_slug(c[0]) >= least]
        self.fields["secrecy"].choices = choices  # type: ignore[attr-defined]

    def clean_metadata(self) -> dict[str, Any]:
        try:
            value = json.loads(self.cleaned_data["metadata"].strip() or "{}")
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is not JSON: %(why)s.") % {"why": error}) from error
        if fault := metadata_fault(value=value):
            raise forms.ValidationError(fault)
        return dict(value)


class DocumentSettings(DocumentPart):
    template = "console/documents/settings.html"
    tab = "settings"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        document = self.document(kwargs["document_id"])
        return self.page(
            **self.shown(document), form=DocumentChange(principal=self.principal, document=document)
        )

    def post(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        document = self.document(document_id)
        form = DocumentChange(request.POST, principal=self.principal, document=document)
        if not form.is_valid():
            return self.page(**self.shown(document), form=form, status=422)
        try:
            document_update(
                principal=self.principal,
                document=document,
                secrecy=Secrecy.from_slug(form.text("secrecy")),
                metadata=form.cleaned_data["metadata"],
            )
        except Problem as problem:
            form.add_problem(problem)
            return self.page(**self.shown(self.document(document_id)), form=form, status=problem.status)
        messages.success(request, _("The document was changed."))
        return back_to(reverse("console:document-settings", args=[document_id]))


class DocumentDelete(KnowledgePage):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        document = selectors.document_get(tenant_id=self.principal.tenant, document_id=document_id)
        document_delete(principal=self.principal, document=document)
        messages.success(request, _("The document “%(name)s” was deleted.") % {"name": document.filename})
        return back_to(reverse("console:base", args=[document.knowledge_base_id]))
