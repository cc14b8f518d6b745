"""Models: the engines and the embedding service as they answer now, and what their vectors are used for.

The page asks nobody: its parts that do are fetched by it, each without a transaction.
"""

from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane.chat.speeds import Speed, recent_speeds
from controlplane.console.needs import Need
from controlplane.console.pages import ConsolePage
from controlplane.documents.spaces import embedding_service, space_uses
from controlplane.serving.registry import registry
from controlplane.serving.seen import Deployment
from inference.fleet import Replica


class Models(ConsolePage):
    need = Need.MANAGER
    section = "models"
    title = gettext_lazy("Models")
    template = "console/models/page.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "is_configured": registry().configured,
            "may_probe": Need.ADMIN.is_met_by(self.principal),
            "spaces": space_uses(tenant_id=self.principal.tenant),
            "subtitle": _("What answers and what embeds, as this process sees it."),
            "example": _EXAMPLE,
        }


@dataclass(frozen=True, slots=True)
class EngineRow:
    deployment: Deployment
    speed: Speed | None
    # As the watch sees it; its `since` is None while nobody watches.
    replica: Replica | None = None


class Engines(ConsolePage):
    """The part of the page with the states of the engines."""

    need = Need.MANAGER
    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._part(async_to_sync(registry().deployments)())

    def _part(self, deployments: list[Deployment]) -> HttpResponse:
        speeds = recent_speeds(tenant_id=self.principal.tenant)
        replicas = {replica.endpoint: replica for replica in registry().all_replicas()}
        rows = [
            EngineRow(
                d, speeds.get(d.endpoint.name) or speeds.get(d.endpoint.model), replicas.get(d.endpoint)
            )
            for d in deployments
        ]
        context = {
            "rows": rows,
            "silent": registry().silent,
            "down": [row for row in rows if row.deployment.state == "down"],
        }
        return render(self.request, "console/models/engines.html", context)


class EnginesProbe(Engines):
    """POST: as `POST /models/probe`."""

    need = Need.ADMIN
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._part(async_to_sync(registry().deployments)(anew=True))


class Embedding(ConsolePage):
    """The part of the page with the state of the embedding service."""

    need = Need.MANAGER
    atomic = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        service = embedding_service()
        uses = space_uses(tenant_id=self.principal.tenant)
        context = {
            "service": service,
            "spaces": [(use, service.makes(use.space)) for use in uses],
            "configured": settings.ENV.embedding_model,
        }
        return render(request, "console/models/embedding.html", context)


_EXAMPLE = """KAREZ_ENGINES=http://vllm:8000/v1

KAREZ_ENGINES='[
  {"name": "deepseek-r1", "url": "http://r1:8000/v1",
   "model": "deepseek-ai/DeepSeek-R1", "routes": ["reasoner"]}
]'"""
