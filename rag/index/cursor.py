"""The part of a psycopg cursor that `rag` uses; Django's `connection.cursor()` has it too."""

from collections.abc import Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    # Loose on purpose: psycopg's and Django's signatures agree in use, not in type.
    def execute(self, query: Any, params: Any = None, /) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> Sequence[Any]: ...
