"""The versions of a document, and making the file of one the newest."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from controlplane.console.pages import back_to
from controlplane.console.uploads import upload_context
from controlplane.console.views.documents import DocumentPart
from controlplane.core.problems import Problem
from controlplane.documents.models import Document
from controlplane.documents.services.versions import document_reindex, version_restore


class Versions(DocumentPart):
    template = "console/documents/versions.html"
    tab = "versions"

    def shown(self, document: Document) -> dict[str, Any]:
        upload = upload_context(
            principal=self.principal, base=document.knowledge_base, filename=document.filename
        )
        return super().shown(document) | {"upload": upload}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return self.shown(self.document(kwargs["document_id"]))


class DocumentReindex(Versions):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        document = self.document(document_id)
        try:
            document_reindex(principal=self.principal, document=document)
        except Problem as problem:
            return self.page(**self.shown(document), problem=problem, status=problem.status)
        messages.success(request, _("The file is being read again. Its present passages answer until then."))
        return back_to(reverse("console:document-jobs", args=[document_id]))


class VersionRestore(Versions):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, document_id: UUID, number: int) -> HttpResponse:
        document = self.document(document_id)
        try:
            received = version_restore(principal=self.principal, document=document, number=number)
        except Problem as problem:
            return self.page(**self.shown(document), problem=problem, status=problem.status)
        told = _("The file of version %(old)s becomes version %(new)s. It answers when it is indexed.")
        messages.success(request, told % {"old": number, "new": received.version.number})
        return back_to(reverse("console:document-versions", args=[document_id]))
