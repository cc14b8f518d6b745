"""The names under which engines report a model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inference.catalogue.entry import ModelEntry, Weights

# A folder of the hub's own cache: models--owner--name/snapshots/<commit>.
_CACHED = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)(/snapshots/[0-9a-f]+)?$")


def names_of(entry: ModelEntry) -> frozenset[str]:
    """All of them, normalised: the id, and what each of the weights is called."""
    return frozenset({normalised(entry.id)}.union(*(weights_names(each) for each in entry.weights)))


def weights_names(weights: Weights) -> frozenset[str]:
    """The repository, its last part, and further names."""
    return frozenset(_spelled(weights))


def _spelled(weights: Weights) -> Iterator[str]:
    if weights.repository:
        yield normalised(weights.repository)
        yield last_part(weights.repository)
    yield from (normalised(each) for each in weights.names)


def normalised(name: str) -> str:
    """``name`` as it is compared: lower case, a path of the hub's cache as the repository that it holds."""
    path = name.strip().replace("\\", "/").rstrip("/")
    if cached := _CACHED.search(path):
        path = f"{cached['owner']}/{cached['name']}"
    return path.lower()


def last_part(name: str) -> str:
    """What remains of a path or a repository when only the model's own name is kept."""
    return normalised(name).rsplit("/", 1)[-1]
