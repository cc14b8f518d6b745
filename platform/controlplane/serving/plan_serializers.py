from typing import Any

from rest_framework import serializers

from controlplane.serving.plan_texts import note_text
from inference.launch import FORMS
from inference.planner import Note, Plan

PRECISIONS = ["fp32", "bf16", "fp16", "fp8", "int8", "int4", "nvfp4"]


def _money() -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=16, decimal_places=4, required=False)


class WorkloadSerializer(serializers.Serializer[Any]):
    context_tokens = serializers.IntegerField(
        required=False, help_text="tokens of the longest question with its answer"
    )
    concurrency = serializers.IntegerField(required=False, help_text="requests answered at once")
    requests_per_second = serializers.FloatField(required=False, help_text="at the peak")
    prompt_tokens = serializers.IntegerField(required=False, help_text="of an average request")
    answer_tokens = serializers.IntegerField(required=False, help_text="of an average answer, with reasoning")


class CostInputsSerializer(serializers.Serializer[Any]):
    """Either `purchase_per_card` or `lease_per_card_hour`."""

    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    purchase_per_card = _money()
    amortisation_months = serializers.IntegerField(required=False)
    lease_per_card_hour = _money()
    running_per_month = _money()
    power_price_kwh = _money()
    pue = _money()
    watts_per_card = _money()
    watts_per_node = _money()
    requests_per_month = serializers.IntegerField(required=False)
    cache_hit_share = _money()
    off_peak_share = _money()
    api_model = serializers.CharField(required=False)
    exchange_rate = serializers.DecimalField(max_digits=16, decimal_places=6, required=False)
    start = serializers.DateField(required=False, help_text="the day of the purchase; today without it")


class PlanRequestSerializer(serializers.Serializer[Any]):
    """What is left out, the planner chooses or assumes (docs/planner.md)."""

    model = serializers.CharField(help_text="id of the catalogue, such as `deepseek-r1`")
    accelerator = serializers.CharField(help_text="id such as `h200`")
    cards_per_node = serializers.IntegerField()
    nodes = serializers.IntegerField(required=False)
    precision = serializers.ChoiceField(choices=PRECISIONS, required=False)
    objective = serializers.ChoiceField(choices=["auto", "latency", "throughput"], required=False)
    kv_cache = serializers.ChoiceField(choices=["auto", "fp8"], required=False)
    speculation = serializers.BooleanField(required=False, allow_null=True, default=None)
    utilization = serializers.FloatField(required=False)
    workload = WorkloadSerializer(required=False)
    costs = CostInputsSerializer(required=False)


class SiteSerializer(serializers.Serializer[Any]):
    """What no plan knows (docs/planner.md). What is left out is as usual."""

    models = serializers.CharField(
        required=False,
        max_length=300,
        help_text="directory of the weights on the host; on Kubernetes a PersistentVolumeClaim",
    )
    model_path = serializers.CharField(
        source="model", required=False, max_length=300, help_text="of these weights below it"
    )
    name = serializers.CharField(required=False, max_length=100, help_text="of the service")
    image = serializers.CharField(required=False, max_length=300, help_text="with its tag")
    interface = serializers.CharField(required=False, max_length=40, help_text="network card between nodes")
    cpus = serializers.IntegerField(required=False, min_value=1, max_value=4096, help_text="of each node")
    memory_gib = serializers.IntegerField(
        required=False, min_value=1, max_value=65_536, help_text="of each node"
    )


class LaunchRequestSerializer(serializers.Serializer[Any]):
    plan = PlanRequestSerializer()
    form = serializers.ChoiceField(choices=sorted(FORMS))
    site = SiteSerializer(required=False)


class LaunchReplicaSerializer(serializers.Serializer[Any]):
    base_url = serializers.CharField()
    model = serializers.CharField()
    capacity = serializers.IntegerField(allow_null=True)


class LaunchDeploymentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()
    routes = serializers.ListField(child=serializers.CharField())


class LaunchFileSerializer(serializers.Serializer[Any]):
    """`deployment` and `replicas`: what `POST /deployments` and its `/replicas` take once the engines run."""

    form = serializers.CharField()
    file_name = serializers.CharField()
    content = serializers.CharField()
    deployment = LaunchDeploymentSerializer()
    replicas: Any = LaunchReplicaSerializer(many=True)


class NoteSerializer(serializers.Serializer[Note]):
    """`text` is `code` with `values` in the request's language."""

    code = serializers.CharField()
    values = serializers.DictField(child=serializers.JSONField())
    text = serializers.SerializerMethodField()

    def get_text(self, note: Note) -> str:
        return note_text(note=note)


class MemorySerializer(serializers.Serializer[Any]):
    """Bytes of the fullest card. `kv` is negative by what is missing; `reserve` lies outside of vLLM's share."""

    usable = serializers.IntegerField()
    budget = serializers.IntegerField()
    weights = serializers.IntegerField()
    activations = serializers.IntegerField()
    runtime = serializers.IntegerField()
    kv = serializers.IntegerField()
    reserve = serializers.IntegerField()


class KvSerializer(serializers.Serializer[Any]):
    bytes_per_token = serializers.IntegerField()
    bytes_per_token_on_card = serializers.FloatField()
    tokens_per_rank = serializers.IntegerField()
    ranks = serializers.IntegerField()
    tokens = serializers.IntegerField()
    full_contexts = serializers.IntegerField(help_text="requests at once, each as long as the context")
    typical_requests = serializers.IntegerField(help_text="requests at once of average length")


class BoundsSerializer(serializers.Serializer[Any]):
    """Upper bounds, in tokens a second: no engine reaches them."""

    decode_one_request = serializers.FloatField(source="decode.one_request")
    decode_per_request = serializers.FloatField(source="decode.per_request")
    decode_total = serializers.FloatField(source="decode.total")
    prefill_total = serializers.FloatField(source="prefill.total")
    first_token_seconds = serializers.FloatField(source="prefill.first_token_seconds")
    load_share = serializers.FloatField(source="load.share")


class CandidateSerializer(serializers.Serializer[Any]):
    layout = serializers.CharField(source="layout.label")
    tensor_parallel = serializers.IntegerField(source="layout.tensor")
    pipeline_parallel = serializers.IntegerField(source="layout.pipeline")
    data_parallel = serializers.IntegerField(source="layout.data")
    expert_parallel = serializers.BooleanField(source="layout.experts")
    decode_context_parallel = serializers.IntegerField(source="layout.context")
    replicas = serializers.IntegerField(source="layout.replicas")
    fits = serializers.BooleanField()
    carries = serializers.BooleanField()
    held = serializers.ChoiceField(choices=["full", "typical", "few"])
    speculates = serializers.BooleanField()
    memory = MemorySerializer()
    kv = KvSerializer()
    upper_bounds = BoundsSerializer(source="*")
    reasons = NoteSerializer(many=True)


class FlagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    reason = NoteSerializer()


class CommandSerializer(serializers.Serializer[Any]):
    """`engine` counts those beside each other in a node, `node` the nodes of an engine."""

    engine = serializers.IntegerField()
    node = serializers.IntegerField()
    text = serializers.CharField()


class LaunchSerializer(serializers.Serializer[Any]):
    image = serializers.CharField()
    model = serializers.CharField()
    environment = FlagSerializer(many=True)
    flags = FlagSerializer(many=True)
    commands = CommandSerializer(many=True)


class PurchaseSerializer(serializers.Serializer[Any]):
    cards_per_node = serializers.IntegerField()
    nodes = serializers.IntegerField()
    layout = serializers.CharField()
    carries = serializers.BooleanField()


class AlternativeSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    name = serializers.CharField()
    precision = serializers.CharField()
    layout = serializers.CharField()
    full_contexts = serializers.IntegerField()
    carries = serializers.BooleanField()


class OwnCostsSerializer(serializers.Serializer[Any]):
    purchase = serializers.DecimalField(max_digits=None, decimal_places=2)
    capital = serializers.DecimalField(max_digits=None, decimal_places=2)
    power = serializers.DecimalField(max_digits=None, decimal_places=2)
    kilowatt_hours = serializers.DecimalField(max_digits=None, decimal_places=0)
    running = serializers.DecimalField(max_digits=None, decimal_places=2)
    total = serializers.DecimalField(max_digits=None, decimal_places=2)


class ApiCostsSerializer(serializers.Serializer[Any]):
    book = serializers.CharField(source="book.id")
    model = serializers.CharField(source="model.name")
    input_hit = serializers.DecimalField(max_digits=None, decimal_places=2)
    input_miss = serializers.DecimalField(max_digits=None, decimal_places=2)
    output = serializers.DecimalField(max_digits=None, decimal_places=2)
    total = serializers.DecimalField(max_digits=None, decimal_places=2)


class CostSheetSerializer(serializers.Serializer[Any]):
    """Of a month, in `currency`."""

    currency = serializers.CharField()
    requests = serializers.IntegerField()
    own = OwnCostsSerializer()
    api = ApiCostsSerializer()
    break_even_requests = serializers.IntegerField()
    break_even_months = serializers.DecimalField(max_digits=None, decimal_places=1, allow_null=True)
    break_even_date = serializers.DateField(allow_null=True)
    notes = NoteSerializer(many=True)


class PlanSerializer(serializers.Serializer[Plan]):
    """`chosen` is the best layout, also where it does not fit; `launch` is there where it does."""

    fits = serializers.BooleanField()
    carries = serializers.BooleanField()
    model = serializers.CharField(source="entry.id")
    precision = serializers.CharField(source="weights.precision")
    accelerator = serializers.CharField(source="hardware.accelerator.id")
    cards = serializers.IntegerField(source="hardware.cards")
    notes = NoteSerializer(many=True)
    chosen = CandidateSerializer(allow_null=True)
    candidates = CandidateSerializer(many=True)
    launch = LaunchSerializer(allow_null=True)
    purchases = PurchaseSerializer(many=True)
    alternatives = AlternativeSerializer(many=True)
    costs = CostSheetSerializer(allow_null=True)
