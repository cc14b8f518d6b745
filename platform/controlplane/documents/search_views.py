"""REST of the search."""

import time
from typing import Any

from django.db import transaction
from django.urls import path
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.documents.search import LONGEST_QUERY, MOST_RESULTS, record_search, search_passages
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required


class SearchRequestSerializer(serializers.Serializer[Any]):
    query = serializers.CharField(max_length=LONGEST_QUERY)
    knowledge_bases = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=50)
    top_k = serializers.IntegerField(min_value=1, max_value=MOST_RESULTS, required=False, default=10)
    mode = serializers.ChoiceField(choices=["hybrid", "dense", "keyword"], required=False, default="hybrid")
    rerank = serializers.BooleanField(required=False, default=False)
    explain = serializers.BooleanField(
        required=False,
        default=False,
        help_text="with the legs of each score, and the verdict on the evidence",
    )


class LegSerializer(serializers.Serializer[Any]):
    share = serializers.FloatField(
        help_text="from 0 to 1; times its weight, it is this leg's part of the score"
    )
    weight = serializers.FloatField()
    rank = serializers.IntegerField(allow_null=True, help_text="null: only the other leg found the passage")


class SearchResultSerializer(serializers.Serializer[Any]):
    document_id = serializers.UUIDField()
    chunk_id = serializers.IntegerField(source="passage_id")
    title = serializers.CharField()
    text = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    section = serializers.CharField()
    score = serializers.FloatField()


class ExplainedResultSerializer(SearchResultSerializer):
    cosine = serializers.FloatField(source="dense", allow_null=True)
    bm25 = serializers.FloatField(source="keyword", allow_null=True)
    dense = LegSerializer(source="dense_leg", allow_null=True)
    keyword = LegSerializer(source="keyword_leg", allow_null=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    sufficient = serializers.BooleanField(help_text="false: an assistant would refuse without asking a model")
    score = serializers.FloatField()
    threshold = serializers.FloatField()
    reason = serializers.CharField(help_text="nothing_found, too_thin, or empty")


class SearchResponseSerializer(serializers.Serializer[Any]):
    results = ExplainedResultSerializer(
        many=True, help_text="cosine, bm25, dense and keyword only with `explain`"
    )
    evidence = EvidenceSerializer(required=False, help_text="only with `explain`")
    took_ms = serializers.FloatField()
    degraded = serializers.ListField(
        child=serializers.CharField(), help_text="what could not take part in this search: dense, rerank"
    )


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Search(PrincipalView):
    """Not in one transaction as other views are: none is open while the query is embedded."""

    permission_classes = (scope_required(KeyScope.SEARCH),)
    serializer_class = SearchRequestSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        GenericAPIView.initial(self, request, *args, **kwargs)  # nothing is written: no Idempotency-Key

    @extend_schema(request=SearchRequestSerializer, responses=SearchResponseSerializer)
    def post(self, request: Request) -> Response:
        started = time.perf_counter()
        asked = self.checked(SearchRequestSerializer)
        bases = list(dict.fromkeys(asked["knowledge_bases"]))
        outcome = search_passages(
            principal=self.principal,
            knowledge_base_ids=bases,
            query=asked["query"],
            mode=asked["mode"],
            top_k=asked["top_k"],
        )
        took_ms = round((time.perf_counter() - started) * 1000, 2)
        record_search(
            principal=self.principal, knowledge_base_ids=bases, query=asked["query"], outcome=outcome
        )
        degraded = [*outcome.degraded, *(["rerank"] if asked["rerank"] else [])]
        shape = ExplainedResultSerializer if asked["explain"] else SearchResultSerializer
        body = {
            "results": shape(outcome.passages, many=True).data,
            "took_ms": took_ms,
            "degraded": degraded,
        }
        if asked["explain"]:
            body["evidence"] = EvidenceSerializer(outcome.evidence(query=asked["query"])).data
        return Response(body)


search_urlpatterns = [path("search", Search.as_view())]
