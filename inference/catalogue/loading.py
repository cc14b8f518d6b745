"""Read data files into a ``Catalogue``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inference.catalogue.checks import entry_problems, shared_problems
from inference.catalogue.entry import ModelEntry, Weights
from inference.catalogue.errors import CatalogueError, UnknownModelError
from inference.catalogue.licences import Licence, Licences
from inference.catalogue.names import last_part, normalised, weights_names
from inference.catalogue.reading import data_files, read_table
from inference.endpoints import EngineKind

_HERE = Path(__file__).parent
MODELS_FOLDER = _HERE / "models"
_LICENCES_FILE = _HERE / "licences.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A model that an engine reported, and which weights of it; None when the name does not tell."""

    entry: ModelEntry
    weights: Weights | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model known, newest first in each family."""

    entries: tuple[ModelEntry, ...]
    licences: tuple[Licence, ...]

    def models(self, *, kind: EngineKind | None = None, family: str | None = None) -> tuple[ModelEntry, ...]:
        """Those of a kind, of a family, or all."""
        return tuple(
            each
            for each in self.entries
            if (kind is None or each.kind == kind) and (family is None or each.family == family)
        )

    def model(self, model_id: str) -> ModelEntry:
        """The model of that id; raises ``UnknownModelError`` naming those there are."""
        for entry in self.entries:
            if entry.id == model_id:
                return entry
        raise UnknownModelError(model_id, known=[entry.id for entry in self.entries])

    def families(self) -> tuple[str, ...]:
        """Each once, in the order of ``entries``."""
        return tuple(dict.fromkeys(entry.family for entry in self.entries))

    def licence(self, licence_id: str) -> Licence:
        """The licence of that id; every id that an entry names is there."""
        return next(each for each in self.licences if each.id == licence_id)

    def find(self, *, name: str) -> Found | None:
        """The model behind a name as engines report it (``id`` or ``root`` of ``/v1/models``).

        A repository, a served name that is the model's id, or a path that ends in either; case does not matter.
        """
        for spelled in (normalised(name), last_part(name)):
            for entry in self.entries:
                for weights in entry.weights:
                    if spelled in weights_names(weights):
                        return Found(entry, weights)
                if spelled == normalised(entry.id):
                    return Found(entry, None)
        return None


def load_catalogue(*folders: Path) -> Catalogue:
    """The models of these folders together with the packaged ones: every ``*.toml`` is one.

    Raises ``CatalogueError`` with every problem of every file.
    """
    licences = read_table(table=Licences, file=_LICENCES_FILE).licences
    known = frozenset(each.id for each in licences)
    entries: dict[str, ModelEntry] = {}
    problems: list[str] = []
    for file in data_files(folders=(MODELS_FOLDER, *folders)):
        try:
            entries[str(file)] = entry = read_table(table=ModelEntry, file=file)
        except CatalogueError as error:
            problems += error.problems
        else:
            problems += (f"{file}: {each}" for each in entry_problems(entry=entry, licences=known))
    problems += shared_problems(entries=entries)
    if problems:
        raise CatalogueError(problems)
    return Catalogue(entries=tuple(_ordered(entries.values())), licences=licences)


def _ordered(entries: Iterable[ModelEntry]) -> list[ModelEntry]:
    """Kinds as they are met in use, families together, the newest and the largest first."""
    kinds = ("chat", "embedding", "rerank")
    by_size = sorted(entries, key=lambda each: (-(each.counted.total if each.counted else 0), each.id))
    by_date = sorted(by_size, key=lambda each: each.released.date if each.released else "", reverse=True)
    newest = {each.family: index for index, each in reversed(list(enumerate(by_date)))}
    return sorted(by_date, key=lambda each: (each.bundled, kinds.index(each.kind), newest[each.family]))
