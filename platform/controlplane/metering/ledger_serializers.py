"""Requests of the ledger on the wire, and as rows of a file."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from controlplane.metering.models import LedgerEntry

OUTCOMES = ("given", "rejected", "failed", "stopped", "interrupted")


def money(amount: Decimal | None) -> str | None:
    """Without the zeros at the end: `0.0076`; None where there is no price."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class LedgerEntrySerializer(serializers.ModelSerializer[LedgerEntry]):
    """Times in milliseconds since the admission. `estimated`: no engine counted the tokens, so the cost is an estimate too.
    `cost` is text, null where no price was known; `model` is the name that was asked for, `deployment` what answered."""

    department = serializers.UUIDField(source="department_id")
    department_name: Any = serializers.SerializerMethodField()
    streamed = serializers.BooleanField(source="is_streamed")
    estimated = serializers.BooleanField(source="is_estimated")
    cost: Any = serializers.SerializerMethodField()

    class Meta:
        model = LedgerEntry
        fields = (
            "id",
            "admitted_at",
            "department",
            "department_name",
            "actor",
            "end_user",
            "call",
            "model",
            "deployment",
            "route",
            "route_reason",
            "streamed",
            "outcome",
            "code",
            "prompt_tokens",
            "cached_tokens",
            "completion_tokens",
            "reasoning_tokens",
            "estimated",
            "queue_ms",
            "first_token_ms",
            "total_ms",
            "cost",
            "currency",
            "price_rule",
        )

    def get_department_name(self, row: LedgerEntry) -> str:
        names: dict[Any, str] = self.context.get("departments", {})
        return names.get(row.department_id, "")

    def get_cost(self, row: LedgerEntry) -> str | None:
        return money(row.cost)


class LedgerFilter(serializers.Serializer[Any]):
    """What the address asks for; `from` is no name of Python's."""

    to = serializers.DateTimeField(required=False)
    department = serializers.CharField(required=False, default="")
    key = serializers.UUIDField(required=False)
    actor = serializers.CharField(required=False, default="", max_length=64)
    model = serializers.CharField(required=False, default="", max_length=200)
    deployment = serializers.CharField(required=False, default="", max_length=200)
    outcome = serializers.ChoiceField(choices=OUTCOMES, required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}
