"""What is wrong with a data file."""

from __future__ import annotations

from collections.abc import Sequence


class CatalogueError(ValueError):
    """A data file was refused; each of ``problems`` names the file and the key."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class UnknownModelError(KeyError):
    """No data file describes it; ``known`` holds the ids there are."""

    def __init__(self, model_id: str, *, known: Sequence[str]) -> None:
        super().__init__(model_id)
        self.model_id = model_id
        self.known = tuple(known)

    def __str__(self) -> str:
        return f"the catalogue has no model {self.model_id!r}; there are: {', '.join(self.known)}"
