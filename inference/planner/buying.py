"""What to buy, or to take instead, when a plan does not fit or does not carry the load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.accelerators import AcceleratorEntry
from inference.catalogue import ModelEntry, Precision, Weights, models, parameter_widths
from inference.planner.candidates import Candidate, candidates
from inference.planner.layout import Hardware
from inference.planner.memory import ModelSize
from inference.planner.request import PlanRequest

# More nodes than this are no purchase that a formula decides.
_MOST_NODES = 32
_MOST_MODELS = 5


@dataclass(frozen=True, slots=True)
class Purchase:
    """The fewest cards of the same kind that do. ``carries`` False: they hold the model and one full context, no more."""

    cards_per_node: int
    nodes: int
    layout: str
    carries: bool

    @property
    def cards(self) -> int:
        """All of them."""
        return self.cards_per_node * self.nodes


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the given hardware can serve instead."""

    model: str
    name: str
    precision: Precision
    layout: str
    full_contexts: int
    carries: bool


def planned_weights(*, entry: ModelEntry, accelerator: AcceleratorEntry) -> tuple[Weights, ...]:
    """The forms that the accelerator can do and whose size a rule tells, as the catalogue orders them."""
    return tuple(
        each
        for each in entry.weights
        if accelerator.meets(each.needs) and parameter_widths(precision=each.precision) is not None
    )


def smallest_purchase(
    *, size: ModelSize, hardware: Hardware, request: PlanRequest, only_carrying: bool
) -> tuple[Purchase, ...]:
    """The fewest cards that fit, unless ``only_carrying``, and the fewest that carry the load, where these are more."""
    found: list[Purchase] = []
    for cards, nodes in _sizes(hardware):
        best = _best(size, replace(hardware, cards_per_node=cards, nodes=nodes), request)
        if best is None or not best.fits or ((found or only_carrying) and not best.carries):
            continue
        found.append(Purchase(cards, nodes, best.layout.label, best.carries))
        if best.carries:
            break
    return tuple(found)


def _sizes(hardware: Hardware) -> Iterator[tuple[int, int]]:
    """Parts of a node, doubling, then whole nodes: those that the accelerator usually comes in."""
    node = hardware.accelerator.node
    whole = max(node.cards if node else 0, hardware.cards_per_node)
    part = 1
    while part < whole:
        yield part, 1
        part *= 2
    yield from ((whole, nodes) for nodes in range(1, _MOST_NODES + 1))


def alternatives(
    *, hardware: Hardware, request: PlanRequest, entry: ModelEntry, weights: Weights
) -> tuple[Alternative, ...]:
    """Other forms of the model that fit on the given hardware, then the largest other models that do."""
    forms = (
        each for each in planned_weights(entry=entry, accelerator=hardware.accelerator) if each is not weights
    )
    found = [one for form in forms if (one := _alternative(hardware, request, entry, form)) is not None]
    others = [one for other in _others(entry) if (one := _first_form(hardware, request, other)) is not None]
    return (*found, *others[:_MOST_MODELS])


def _others(entry: ModelEntry) -> list[ModelEntry]:
    """Chat models of the catalogue, by what they are able to: the newest of the largest first, as the catalogue has them."""
    return [each for each in models(kind="chat") if each.id != entry.id and not each.bundled]


def _first_form(hardware: Hardware, request: PlanRequest, entry: ModelEntry) -> Alternative | None:
    if entry.context is None or entry.context.tokens < request.workload.context_tokens:
        return None
    for form in planned_weights(entry=entry, accelerator=hardware.accelerator):
        found = _alternative(hardware, request, entry, form)
        if found is not None:
            return found
    return None


def _alternative(
    hardware: Hardware, request: PlanRequest, entry: ModelEntry, weights: Weights
) -> Alternative | None:
    best = _best(ModelSize(entry=entry, weights=weights), hardware, replace(request, speculation=None))
    if best is None or not best.fits:
        return None
    return Alternative(
        model=entry.id,
        name=entry.name,
        precision=weights.precision,
        layout=best.layout.label,
        full_contexts=best.kv.full_contexts,
        carries=best.carries,
    )


def _best(size: ModelSize, hardware: Hardware, request: PlanRequest) -> Candidate | None:
    return next(iter(candidates(size=size, hardware=hardware, request=request)), None)
