"""How many requests this process has at each server, whoever sends them."""

from __future__ import annotations

import threading
from collections import Counter


class Work:
    """Counts by base URL. Safe to share between threads: not every event loop of a process is in the same one."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begun(self, *, base_url: str) -> None:
        """A request is sent."""
        with self._lock:
            self._held[base_url] += 1

    def ended(self, *, base_url: str) -> None:
        """Its answer has ended, in whatever way."""
        with self._lock:
            self._held[base_url] -= 1
            if not self._held[base_url]:
                del self._held[base_url]

    def held(self, *, base_url: str) -> int:
        """Requests that have not ended."""
        return self._held.get(base_url, 0)
