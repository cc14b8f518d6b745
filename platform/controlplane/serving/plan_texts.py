"""The planner's codes in words. The planner speaks no language; the command, the API and the console speak these."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput
from inference.planner import Note, PlanInputError
from inference.planner.errors import ProblemCode
from inference.planner.notes import NoteCode

_VERDICTS: dict[NoteCode, Promise] = {
    "fits": _("It fits: %(layout)s starts with a context of %(context)s tokens."),
    "weights_too_large": _(
        "It does not fit: a card needs %(needed)s GiB before the first token, %(missing)s more than the %(budget)s it has."
    ),
    "kv_too_small": _(
        "It does not fit: the KV cache holds %(tokens)s tokens, fewer than the context of %(context)s."
    ),
    "no_layout": _("No layout divides this model over %(cards)s cards."),
    "precision_smaller": _("Taken in %(value)s, because %(first)s does not fit here."),
    "context_beyond_published": _(
        "The publisher promises a context of %(published)s tokens; beyond it quality is not known."
    ),
    "contexts_enough": _("All %(wished)s requests find room, even when each is as long as the context."),
    "contexts_typical": _(
        "All %(wished)s requests find room at average length (up to %(typical)s); at full length %(full)s do."
    ),
    "contexts_too_few": _(
        "Only %(typical)s of %(wished)s requests find room at once at average length; the others wait."
    ),
    "load_light": _("The peak takes %(percent)s %% of the upper bounds: carried."),
    "load_heavy": _(
        "The peak takes %(percent)s %% of the upper bounds; engines reach about a third of them. Expect queues."
    ),
    "load_too_much": _("The peak takes %(percent)s %% of the upper bounds: no engine can carry it."),
}
_LAYOUTS: dict[NoteCode, Promise] = {
    "one_card": _("The whole model lies on one card."),
    "tensor_within_node": _(
        "Each layer is divided over %(n)s cards of a node, which talk over %(link)s at %(gbs)g GB/s."
    ),
    "tensor_over_pcie": _(
        "Each layer is divided over %(n)s cards that talk over PCIe at %(gbs)g GB/s, which slows every layer."
    ),
    "tensor_heads_ascend": _("%(heads)s heads are on each rank; vllm-ascend needs 32 or more."),
    "pipeline_over_nodes": _("The layers are divided into %(n)s stages, so that little crosses the network."),
    "pipeline_without_link": _(
        "The layers are divided into %(n)s stages, because no fast link joins the cards."
    ),
    "data_parallel_latent": _("%(n)s ranks answer side by side, each with its own KV cache, none copied."),
    "data_parallel_copies": _("%(n)s ranks answer side by side."),
    "experts_spread": _("The experts are spread over %(n)s cards, %(each)s on each."),
    "latent_copied": _(
        "Each of the %(n)s cards has the whole KV cache: MLA's latent cannot be divided by heads."
    ),
    "latent_divided": _("The KV cache is divided over %(n)s cards by tokens (decode context parallelism)."),
    "kv_heads_copied": _("There are %(n)s key-value heads, so that some cards have copies of the KV cache."),
    "replicas": _("%(n)s engines stand beside each other behind Karez' router."),
}
_FLAGS: dict[NoteCode, Promise] = {
    "flag_served_name": _("The name under which Karez and its users know the model."),
    "flag_port": _("Each engine of a node listens on its own port."),
    "flag_tensor": _("Divides each layer over %(n)s cards."),
    "flag_pipeline": _("Divides the layers into %(n)s stages."),
    "flag_data": _("%(n)s ranks with a KV cache each."),
    "flag_data_local": _("%(n)s of the ranks are on each node."),
    "flag_data_address": _("Where the ranks find the first node."),
    "flag_experts": _("Spreads whole experts over %(n)s cards instead of dividing each."),
    "flag_decode_context": _("Divides the KV cache by tokens over %(n)s cards."),
    "flag_context": _("The longest question with its answer; the model's own maximum would reserve more."),
    "flag_sequences": _("So many requests a rank at once, rounded up to eights."),
    "flag_batched_tokens": _(
        "Tokens of a step: long prompts are read in pieces, between which answers go on."
    ),
    "flag_memory": _("vLLM takes %(share)s %% of the card's memory."),
    "flag_kv_fp8": _("Halves the KV cache; check the answers' quality on your own questions."),
    "flag_prefix_caching": _("Repeated beginnings (instructions, conversations) are computed once."),
    "flag_reasoning": _("Separates the reasoning from the answer."),
    "flag_tools": _("Understands the model's calls of tools."),
    "flag_tool_template": _("The template that tells the model of tools; it comes with vLLM's sources."),
    "flag_speculation": _("The model's own layer predicts %(n)s more tokens: faster while few are answered."),
    "flag_quantization": _("The weights are quantised for Ascend."),
    "flag_cached_tokens": _("Tells Karez how many prompt tokens came from the cache."),
    "flag_queue": _("Beyond %(n)s waiting requests vLLM refuses, so that Karez can ask another engine."),
    "flag_nodes": _("The engine runs on %(n)s nodes; each has a number."),
    "flag_head": _("Where the other nodes find the first."),
    "flag_headless": _("Only the first node answers requests."),
    "flag_start_rank": _("The number of this node's first rank."),
    "flag_graphs": _("Captures whole decoding steps, as vllm-ascend's tutorial does."),
}
_ENVIRONMENT: dict[NoteCode, Promise] = {
    "env_interface": _("The network interface between the nodes, such as eth0."),
    "env_infiniband": _("The InfiniBand adapters: those whose name begins so."),
    "env_modelscope": _("The weights are on ModelScope."),
    "env_aiter": _("AMD's fast kernels."),
    "env_head": _("The address of the first node."),
    "env_model_path": _("The folder with the weights: nobody publishes them in this form."),
    "env_ascend_address": _("This node's own address."),
    "env_ascend_memory": _("Keeps memory from being cut into pieces too small to use."),
    "env_ascend_aiv": _("Communication runs on the vector cores."),
    "env_ascend_balance": _("Spreads requests evenly over the ranks."),
    "env_ascend_threads": _("Keeps processes from taking each other's processor cores."),
    "env_ascend_links": _("Cards of a node talk over HCCS and PCIe."),
}
_COSTS: dict[NoteCode, Promise] = {
    "cost_paid_back": _("The purchase has paid for itself after %(months)s months."),
    "cost_paid_back_late": _(
        "The purchase pays for itself only after %(months)s months, later than it is written off (%(amortisation)s)."
    ),
    "cost_never_paid_back": _(
        "At this usage the purchase never pays for itself: the API costs no more than power and running."
    ),
    "cost_lease_cheaper": _("The lease costs less than the API at this usage."),
    "cost_lease_dearer": _("The API costs less than the lease at this usage."),
    "cost_beyond_capacity": _(
        "So many requests take %(percent)s %% of the upper bounds on average: more than these cards will answer."
    ),
}
NOTES: Mapping[NoteCode, Promise] = _VERDICTS | _LAYOUTS | _FLAGS | _ENVIRONMENT | _COSTS

PROBLEMS: Mapping[ProblemCode, tuple[Promise, Promise]] = {
    "unknown_model": (_("There is no model “%(value)s” in the catalogue."), _("Take one of: %(known)s.")),
    "model_not_planned": (
        _("“%(value)s” is not planned for."),
        _("Take a chat model of the catalogue that does not come with Karez."),
    ),
    "unknown_accelerator": (_("There is no accelerator “%(value)s”."), _("Take one of: %(known)s.")),
    "precision_not_there": (_("The model is not there in “%(value)s”."), _("Take one of: %(known)s.")),
    "precision_not_supported": (
        _("The planner has no rule for “%(value)s” on %(accelerator)s."),
        _("Here it can be one of: %(known)s."),
    ),
    "no_precision_supported": (
        _("No form of %(model)s runs on %(accelerator)s."),
        _("Take another accelerator or another model."),
    ),
    "out_of_range": (_("The value is out of range."), _("Give a value from %(low)g to %(high)g.")),
    "context_too_long": (
        _("The model has no context of %(value)s tokens."),
        _("Give %(most)s tokens or fewer."),
    ),
    "request_too_long": (
        _("An average request of %(value)s tokens is longer than the context of %(most)s."),
        _("Lengthen the context, or shorten the prompt or the answer."),
    ),
    "kv_cache_not_supported": (
        _("%(accelerator)s has no FP8 for the KV cache."),
        _("Leave the KV cache as it is."),
    ),
    "speculation_not_there": (
        _("%(model)s in %(value)s has no layer for multi-token prediction."),
        _("Leave the choice to the planner, or take another precision."),
    ),
    "purchase_or_lease": (
        _("What the cards cost is not given."),
        _("Give the purchase price of a card, or its lease an hour."),
    ),
    "purchase_and_lease": (_("Purchase and lease exclude each other."), _("Give only one of them.")),
    "power_unknown": (
        _("The catalogue does not know what %(accelerator)s takes."),
        _("Give the watts of a card, or no price of power."),
    ),
    "no_api_price": (
        _("There is no API price for this model."),
        _("Compare with one of: %(known)s."),
    ),
    "exchange_rate_missing": (
        _("The API's price is in %(other)s, not in %(currency)s."),
        _("Give what one %(other)s costs in %(currency)s."),
    ),
}


def note_text(*, note: Note) -> str:
    """The sentence in the active language."""
    return str(NOTES[note.code]) % note.values


def plan_problem(*, error: PlanInputError) -> InvalidInput:
    """What the planner refused, as a problem of the API."""
    detail, remedy = PROBLEMS[error.code]
    return InvalidInput(
        code=error.code,
        field=error.field,
        detail=str(detail) % error.values,
        remedy=str(remedy) % error.values,
    )
