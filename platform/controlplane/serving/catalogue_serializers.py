from typing import Any

from django.utils import translation
from rest_framework import serializers

from inference.catalogue import ModelEntry


class CardSerializer(serializers.Serializer[Any]):
    """One device as vLLM sees it. Peaks are dense, in tera-operations a second; null is what no source tells."""

    id = serializers.CharField()
    name = serializers.CharField()
    vendor = serializers.CharField()
    usable_gib = serializers.FloatField(source="memory.usable_gib")
    bandwidth_gbs = serializers.FloatField(source="memory.bandwidth_gbs")
    bf16 = serializers.FloatField(source="compute.bf16")
    fp8 = serializers.FloatField(source="compute.fp8", allow_null=True)
    int8 = serializers.FloatField(source="compute.int8", allow_null=True)
    fp4 = serializers.FloatField(source="compute.fp4", allow_null=True)
    features = serializers.ListField(child=serializers.CharField(), source="features.has")
    link = serializers.CharField(source="interconnect.kind")
    link_gbs = serializers.FloatField(source="interconnect.gbs")
    usual_cards_per_node = serializers.IntegerField(source="node.cards", default=None, allow_null=True)
    watts = serializers.FloatField(source="power.watts", default=None, allow_null=True)


class CardsSerializer(serializers.Serializer[Any]):
    results = CardSerializer(many=True)


class FormSerializer(serializers.Serializer[Any]):
    precision = serializers.CharField()
    repository = serializers.CharField(allow_null=True)
    needs = serializers.ListField(child=serializers.CharField())
    multi_token_prediction = serializers.BooleanField(source="mtp")


class CatalogueModelSerializer(serializers.Serializer[Any]):
    """`parameters` and `active_parameters` are counted from the architecture."""

    id = serializers.CharField()
    name = serializers.CharField()
    publisher = serializers.CharField()
    kind = serializers.CharField()
    bundled = serializers.BooleanField()
    purpose = serializers.SerializerMethodField()
    context_tokens = serializers.IntegerField(source="context.tokens", default=None, allow_null=True)
    parameters = serializers.IntegerField(source="counted.total", default=None, allow_null=True)
    active_parameters = serializers.IntegerField(source="counted.active", default=None, allow_null=True)
    forms = FormSerializer(source="weights", many=True)

    def get_purpose(self, entry: ModelEntry) -> str:
        return entry.purpose.of("zh" if (translation.get_language() or "").startswith("zh") else "en")


class CatalogueSerializer(serializers.Serializer[Any]):
    results = CatalogueModelSerializer(many=True)
