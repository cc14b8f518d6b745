"""The whole answer to a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference.accelerators import AcceleratorEntry, UnknownAcceleratorError, accelerator, accelerators
from inference.catalogue import ModelEntry, UnknownModelError, Weights, model, models
from inference.planner.buying import (
    Alternative,
    Purchase,
    alternatives,
    planned_weights,
    smallest_purchase,
)
from inference.planner.candidates import BUSY, Candidate, candidates
from inference.planner.costs import CostSheet, checked_costs, cost_sheet
from inference.planner.errors import PlanInputError
from inference.planner.flags import Launch, launch
from inference.planner.layout import Hardware
from inference.planner.memory import ModelSize
from inference.planner.notes import Note
from inference.planner.request import PlanRequest, Workload

_GIB = 1024**3
_SHOWN = 6
# What can be asked: more is a slip of the keyboard.
LIMITS: dict[str, tuple[float, float]] = {
    "cards_per_node": (1, 64),
    "nodes": (1, 64),
    "context_tokens": (256, 1_000_000),
    "concurrency": (1, 100_000),
    "requests_per_second": (0, 100_000),
    "prompt_tokens": (1, 1_000_000),
    "answer_tokens": (1, 1_000_000),
    "utilization": (0.1, 0.98),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """``chosen`` is the best layout, also where it does not fit (to show by how much); None where none divides the cards.

    ``costs`` are those of a plan that fits.
    """

    request: PlanRequest
    entry: ModelEntry
    weights: Weights
    hardware: Hardware
    notes: tuple[Note, ...]
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]
    launch: Launch | None
    purchases: tuple[Purchase, ...]
    alternatives: tuple[Alternative, ...]
    costs: CostSheet | None

    @property
    def fits(self) -> bool:
        """The engine starts with the context that was asked for."""
        return self.chosen is not None and self.chosen.fits

    @property
    def carries(self) -> bool:
        """And it carries the load."""
        return self.chosen is not None and self.chosen.carries


def plan(*, request: PlanRequest) -> Plan:
    """Answer a request. Raises ``PlanInputError`` naming the field that is wrong."""
    entry, card, forms = checked(request=request)
    hardware = Hardware(card, request.cards_per_node, request.nodes)
    weights, found = _first_that_fits(entry, forms, hardware, request)
    size = ModelSize(entry=entry, weights=weights)
    chosen = found[0] if found else None
    short = chosen is None or not chosen.carries
    return Plan(
        request=request,
        entry=entry,
        weights=weights,
        hardware=hardware,
        notes=(*_precision_note(forms, weights), *_notes(entry, hardware, request, chosen)),
        chosen=chosen,
        candidates=found[:_SHOWN],
        launch=(
            launch(size=size, hardware=hardware, candidate=chosen, request=request)
            if chosen is not None and chosen.fits
            else None
        ),
        purchases=_purchases(size, hardware, request, chosen) if short else (),
        alternatives=(
            alternatives(hardware=hardware, request=request, entry=entry, weights=weights) if short else ()
        ),
        costs=_costs(request, hardware, chosen),
    )


def _purchases(
    size: ModelSize, hardware: Hardware, request: PlanRequest, chosen: Candidate | None
) -> tuple[Purchase, ...]:
    """Who has cards that fit is told only of those that do more."""
    fits = chosen is not None and chosen.fits
    return smallest_purchase(size=size, hardware=hardware, request=request, only_carrying=fits)


def _costs(request: PlanRequest, hardware: Hardware, chosen: Candidate | None) -> CostSheet | None:
    if request.costs is None:
        return None
    checked_costs(inputs=request.costs, model_id=request.model, hardware=hardware)
    if chosen is None or not chosen.fits:
        return None
    return cost_sheet(inputs=request.costs, request=request, hardware=hardware, chosen=chosen)


def _first_that_fits(
    entry: ModelEntry, forms: tuple[Weights, ...], hardware: Hardware, request: PlanRequest
) -> tuple[Weights, tuple[Candidate, ...]]:
    """The first of the forms, with its layouts, when none fits."""
    answers = []
    for form in forms:
        found = candidates(size=ModelSize(entry=entry, weights=form), hardware=hardware, request=request)
        if found and found[0].fits:
            return form, found
        answers.append((form, found))
    return answers[0]


def _precision_note(forms: tuple[Weights, ...], weights: Weights) -> Iterator[Note]:
    """That a form the catalogue has before it was passed over."""
    if weights is not forms[0]:
        yield Note("precision_smaller", {"value": weights.precision, "first": forms[0].precision})


def checked(*, request: PlanRequest) -> tuple[ModelEntry, AcceleratorEntry, tuple[Weights, ...]]:
    """The catalogues' entries for a request, and the forms of the model it may mean. Raises ``PlanInputError``."""
    _check_ranges(request)
    entry, card = _model(request.model), _accelerator(request.accelerator)
    forms = _forms(entry, card, request)
    if request.kv_cache == "fp8" and "fp8" not in card.features.has:
        raise PlanInputError("kv_cache_not_supported", field="kv_cache", accelerator=card.name)
    able = tuple(each for each in forms if each.mtp or not request.speculation)
    if not able:
        raise PlanInputError(
            "speculation_not_there", field="speculation", model=entry.name, value=forms[0].precision
        )
    _check_lengths(entry, request.workload)
    return entry, card, able


def _check_ranges(request: PlanRequest) -> None:
    for field, (low, high) in LIMITS.items():
        holder: PlanRequest | Workload = request if hasattr(request, field) else request.workload
        if not low <= getattr(holder, field) <= high:
            raise PlanInputError("out_of_range", field=field, low=low, high=high)


def _model(model_id: str) -> ModelEntry:
    try:
        entry = model(model_id)
    except UnknownModelError as error:
        known = ", ".join(each.id for each in models(kind="chat") if not each.bundled)
        raise PlanInputError("unknown_model", field="model", value=model_id, known=known) from error
    if entry.kind != "chat" or entry.architecture is None or entry.bundled:
        raise PlanInputError("model_not_planned", field="model", value=entry.name)
    return entry


def _accelerator(accelerator_id: str) -> AcceleratorEntry:
    try:
        return accelerator(accelerator_id)
    except UnknownAcceleratorError as error:
        known = ", ".join(each.id for each in accelerators())
        raise PlanInputError(
            "unknown_accelerator", field="accelerator", value=accelerator_id, known=known
        ) from error


def _forms(entry: ModelEntry, card: AcceleratorEntry, request: PlanRequest) -> tuple[Weights, ...]:
    possible = planned_weights(entry=entry, accelerator=card)
    able = ", ".join(each.precision for each in possible)
    if request.precision is None:
        if not possible:
            raise PlanInputError(
                "no_precision_supported", field="precision", model=entry.name, accelerator=card.name
            )
        return possible
    named = next((each for each in entry.weights if each.precision == request.precision), None)
    if named is None:
        known = ", ".join(each.precision for each in entry.weights)
        raise PlanInputError("precision_not_there", field="precision", value=request.precision, known=known)
    if named not in possible:
        raise PlanInputError(
            "precision_not_supported",
            field="precision",
            value=request.precision,
            accelerator=card.name,
            known=able or "–",
        )
    return (named,)


def _check_lengths(entry: ModelEntry, work: Workload) -> None:
    most = entry.context.tokens if entry.context else work.context_tokens
    if work.context_tokens > most:
        raise PlanInputError("context_too_long", field="context_tokens", value=work.context_tokens, most=most)
    if work.request_tokens > work.context_tokens:
        raise PlanInputError(
            "request_too_long", field="prompt_tokens", value=work.request_tokens, most=work.context_tokens
        )


def _notes(
    entry: ModelEntry, hardware: Hardware, request: PlanRequest, chosen: Candidate | None
) -> Iterator[Note]:
    """The verdict in sentences: memory first, then how many, then how fast."""
    if chosen is None:
        yield Note("no_layout", {"cards": hardware.cards})
        return
    yield _memory_note(chosen, request)
    published = entry.context.published if entry.context else None
    if published is not None and request.workload.context_tokens > published:
        yield Note("context_beyond_published", {"published": published})
    if not chosen.fits:
        return
    code = {"full": "contexts_enough", "typical": "contexts_typical", "few": "contexts_too_few"}[chosen.held]
    yield Note(
        code,  # type: ignore[arg-type]  # the three are codes
        {
            "full": chosen.kv.full_contexts,
            "typical": chosen.kv.typical_requests,
            "wished": request.workload.concurrency,
        },
    )
    if request.workload.requests_per_second:
        share = chosen.load.share
        load = "load_light" if share <= BUSY else "load_heavy" if share <= 1 else "load_too_much"
        yield Note(load, {"percent": round(share * 100, 1)})  # type: ignore[arg-type]  # codes as well


def _memory_note(chosen: Candidate, request: PlanRequest) -> Note:
    memory, kv = chosen.memory, chosen.kv
    if chosen.fits:
        return Note("fits", {"context": request.workload.context_tokens, "layout": chosen.layout.label})
    if memory.kv <= 0:
        return Note(
            "weights_too_large",
            {
                "needed": round((memory.budget - memory.kv) / _GIB, 1),
                "budget": round(memory.budget / _GIB, 1),
                "missing": round(-memory.kv / _GIB, 1),
            },
        )
    return Note("kv_too_small", {"tokens": kv.tokens_per_rank, "context": request.workload.context_tokens})
