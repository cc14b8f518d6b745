"""How much one file may cost. Every number is a ceiling for a single document, not for the worker."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Ceilings of one parse.

    ``seconds`` is wall time and ``cpu_seconds`` processor time of the child. ``memory_bytes`` is its address
    space (RLIMIT_AS). The ``archive_*`` limits hold for office files, which are ZIP archives: entries, bytes
    after expansion, and expanded:packed ratio (checked once the expansion is over
    ``archive_ratio_floor_bytes``, since tiny XML legitimately packs very well). ``table_seconds`` is the part
    of the time a PDF may spend on its tables.
    """

    seconds: float = 120.0
    cpu_seconds: int = 120
    memory_bytes: int = 1024 * MIB
    max_file_bytes: int = 256 * MIB
    max_pages: int = 5000
    max_chars: int = 20_000_000
    max_cells: int = 20_000_000
    archive_max_bytes: int = 512 * MIB
    archive_max_entries: int = 20_000
    archive_max_ratio: int = 200
    archive_ratio_floor_bytes: int = 32 * MIB
    table_seconds: float = 20.0
    attachment_depth: int = 3
