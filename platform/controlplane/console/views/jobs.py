"""The jobs that index documents: of everything, or of one document."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlplane.console.document_rows import JobRow
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage, back_to
from controlplane.console.paging import list_page
from controlplane.console.views.documents import DocumentPart
from controlplane.core.problems import InvalidInput
from controlplane.documents import selectors
from controlplane.documents.models import JobStatus
from controlplane.documents.query_params import moment_in
from controlplane.documents.services.jobs import MOST_RETRIED, failed_jobs_retry, job_cancel, job_retry

SHOWN = (selectors.OPEN_JOBS, JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class JobsPage(ConsolePage):
    """Refreshes its list by itself for as long as a job in it waits or runs."""

    need = Need.MANAGER
    section = "jobs"

    def back(self) -> HttpResponse:
        """To the page of the console that the form was on."""
        wanted = self.request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) or not wanted.startswith("/"):
            wanted = reverse("console:jobs")
        return back_to(wanted)


class Jobs(JobsPage):
    title = gettext_lazy("Indexing jobs")
    template = "console/jobs/jobs.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        status = self.request.GET.get("status", "")
        status = status if status in (selectors.OPEN_JOBS, *JobStatus.values) else ""
        base = self._base()
        jobs = selectors.job_list(
            tenant_id=self.principal.tenant,
            status=status,
            base_id=base.pk if base else None,
            ended_since=moment_in(self.request.GET, "from"),
        )
        page = list_page(request=self.request, queryset=jobs)
        rows = [JobRow(job) for job in page.rows]
        bases = selectors.knowledge_base_list(tenant_id=self.principal.tenant).order_by("name")
        return {
            "list": page,
            "rows": rows,
            "is_running": any(row.is_open for row in rows),
            "state": status,
            "statuses": SHOWN,
            "base": base,
            "bases": list(bases),
            "writable": self.principal.write_departments,
        }

    def _base(self) -> Any:
        asked = self.request.GET.get("base", "")
        if not asked:
            return None
        try:
            base_id = UUID(asked)
        except ValueError as error:
            raise InvalidInput(
                code="invalid_field", field="base", detail=_("This is not an identifier.")
            ) from error
        return selectors.knowledge_base_get(tenant_id=self.principal.tenant, base_id=base_id)


class DocumentJobs(DocumentPart):
    template = "console/documents/jobs.html"
    tab = "jobs"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        document = self.document(kwargs["document_id"])
        jobs = selectors.job_list(tenant_id=self.principal.tenant, document_id=document.pk)
        page = list_page(request=self.request, queryset=jobs)
        rows = [JobRow(job) for job in page.rows]
        shown = {"list": page, "rows": rows, "writable": self.principal.write_departments}
        return self.shown(document) | shown | {"is_running": any(row.is_open for row in rows)}


class JobCancel(JobsPage):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = selectors.job_get(tenant_id=self.principal.tenant, job_id=job_id)
        job_cancel(principal=self.principal, job=job)
        messages.success(request, _("The job is being cancelled."))
        return self.back()


class JobRetry(JobsPage):
    http_method_names = ("post",)

    def post(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = selectors.job_get(tenant_id=self.principal.tenant, job_id=job_id)
        job_retry(principal=self.principal, job=job)
        messages.success(request, _("The job was queued again."))
        return self.back()


class RetryFailed(JobsPage):
    """What failed last comes first; a base with very many failures takes several goes."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest, base_id: UUID) -> HttpResponse:
        base = selectors.knowledge_base_get(tenant_id=self.principal.tenant, base_id=base_id)
        count = failed_jobs_retry(principal=self.principal, base=base)
        if count:
            done = ngettext("%(count)s job was queued again.", "%(count)s jobs were queued again.", count)
            more = " " + _("There may be more: try again.") if count == MOST_RETRIED else ""
            messages.success(request, done % {"count": count} + more)
        else:
            messages.info(request, _("No failed document could be tried again."))
        return back_to(f"{reverse('console:jobs')}?base={base_id}")
