"""What the tables of one data file must agree on, and what data files must not share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from inference.catalogue.entry import ModelEntry
from inference.catalogue.names import names_of
from inference.catalogue.reading import source_problems
from inference.endpoints import EngineKind

# Published counts are rounded ("671B"), and published sizes include what the rule leaves out.
_PARAMETERS_TOLERANCE = 0.03
_BYTES_TOLERANCE = 0.05
_REQUIRED: dict[EngineKind, tuple[str, ...]] = {
    "chat": ("architecture", "context", "chat"),
    "embedding": ("embedding",),
    "rerank": (),
}
_FOREIGN: dict[EngineKind, tuple[str, ...]] = {
    "chat": ("embedding",),
    "embedding": ("chat", "sampling"),
    "rerank": ("chat", "sampling", "embedding"),
}


def entry_problems(*, entry: ModelEntry, licences: frozenset[str]) -> Iterator[str]:
    """Contradictions inside one entry, each beginning with its key."""
    yield from source_problems(table=entry, sources=entry.sources)
    yield from (
        f"licence: {each!r} is not in licences.toml" for each in entry.licence.ids if each not in licences
    )
    yield from _kind_problems(entry)
    yield from _size_problems(entry)


def _kind_problems(entry: ModelEntry) -> Iterator[str]:
    required = _REQUIRED[entry.kind]
    for key in ("architecture", "context", "chat", "sampling", "embedding"):
        if key in required and getattr(entry, key) is None:
            yield f"{key}: missing for kind {entry.kind!r}"
        if key in _FOREIGN[entry.kind] and getattr(entry, key) is not None:
            yield f"{key}: not for kind {entry.kind!r}"
    if entry.architecture is not None and (entry.architecture.encoder is None) != (entry.kind == "chat"):
        kind = entry.architecture.attention.kind
        yield f"architecture.attention.kind: {kind!r} is not for kind {entry.kind!r}"


def _size_problems(entry: ModelEntry) -> Iterator[str]:
    counted, said = entry.counted, entry.parameters
    if counted is not None and said is not None:
        pairs = {"total": (said.total, counted.total), "active": (said.active, counted.active)}
        for key, (published, exact) in pairs.items():
            if published is not None and _differ(published, exact, _PARAMETERS_TOLERANCE):
                yield f"parameters.{key}: {published:,} is said, the architecture has {exact:,}"
    for index, weights in enumerate(entry.weights):
        where, computed = f"weights[{index}]", entry.computed_bytes(weights)
        if weights.mtp and (entry.architecture is None or not entry.architecture.mtp_layers):
            yield f"{where}.mtp: the architecture has no mtp_layers"
        if weights.bytes is None and computed is None:
            yield f"{where}.bytes: missing, and no rule gives the size of {weights.precision!r} weights"
        if weights.bytes and computed and _differ(weights.bytes, computed, _BYTES_TOLERANCE):
            yield f"{where}.bytes: {weights.bytes:,} is said, {weights.precision} of this architecture has {computed:,}"


def _differ(said: int, exact: int, tolerance: float) -> bool:
    return abs(said - exact) > tolerance * exact


def shared_problems(*, entries: Mapping[str, ModelEntry]) -> Iterator[str]:
    """Ids and names that two data files claim; ``entries`` are by file."""
    ids: dict[str, str] = {}
    names: dict[str, tuple[str, str]] = {}
    for file, entry in entries.items():
        if entry.id in ids:
            yield f"{file}: id: {entry.id!r} is also that of {ids[entry.id]}"
        ids.setdefault(entry.id, file)
        for name in names_of(entry):
            other, other_id = names.setdefault(name, (file, entry.id))
            if other_id != entry.id:
                yield f"{file}: weights: {name!r} also leads to {other_id!r} ({other})"
