"""Price books on the wire. Money is text: a JSON number would be a binary fraction."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from controlplane.serving.models import PriceBook
from controlplane.serving.price_selectors import price_book_content
from controlplane.serving.price_services import EXAMPLE
from inference.prices import PricedModel

_MOST_CHARACTERS = 256 * 1024


class PriceBookSerializer(serializers.ModelSerializer[PriceBook]):
    class Meta:
        model = PriceBook
        fields = (
            "id",
            "book",
            "version",
            "name",
            "currency",
            "valid_from",
            "valid_until",
            "created_at",
            "created_by",
        )


class RatesSerializer(serializers.Serializer[Any]):
    """For a million tokens, at those hours; `standard` is all the other time."""

    window = serializers.CharField()
    input = serializers.CharField()
    cached_input = serializers.CharField()
    output = serializers.CharField()


class PricedModelSerializer(serializers.Serializer[PricedModel]):
    """`names`: the deployments and models of the catalogue that it prices."""

    name = serializers.CharField()
    names: Any = serializers.ListField(child=serializers.CharField())
    prices = RatesSerializer(many=True)

    def to_representation(self, instance: PricedModel) -> dict[str, Any]:
        prices = [
            {
                "window": window,
                "input": f"{rates.input_miss:f}",
                "cached_input": f"{rates.input_hit:f}",
                "output": f"{rates.output:f}",
            }
            for window, rates in instance.rates.items()
        ]
        return {"name": instance.name, "names": list(instance.names), "prices": prices}


class PriceBookDetailSerializer(PriceBookSerializer):
    """With the file, and what stands in it."""

    models: Any = serializers.SerializerMethodField()

    class Meta(PriceBookSerializer.Meta):
        fields = (*PriceBookSerializer.Meta.fields, "content", "models")  # type: ignore[assignment]

    def get_models(self, row: PriceBook) -> list[dict[str, Any]]:
        models = price_book_content(book_id=row.pk).models
        return [PricedModelSerializer(each).data for each in models]


class PriceBookWrite(serializers.Serializer[Any]):
    """The file's text, or the name of the example that ships. `from_now`: it holds from this moment on, without an end."""

    content = serializers.CharField(required=False, max_length=_MOST_CHARACTERS, trim_whitespace=False)
    example = serializers.ChoiceField(choices=[EXAMPLE], required=False)
    from_now = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("content" in attrs) == ("example" in attrs):
            raise serializers.ValidationError({"content": _("Give either “content” or “example”.")})
        return attrs
