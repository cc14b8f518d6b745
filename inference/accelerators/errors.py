"""What can be wrong with a question about accelerators."""

from __future__ import annotations

from collections.abc import Sequence


class UnknownAcceleratorError(KeyError):
    """No data file describes it; ``known`` holds the ids there are."""

    def __init__(self, accelerator_id: str, *, known: Sequence[str]) -> None:
        super().__init__(accelerator_id)
        self.accelerator_id = accelerator_id
        self.known = tuple(known)

    def __str__(self) -> str:
        return f"there is no accelerator {self.accelerator_id!r}; there are: {', '.join(self.known)}"
