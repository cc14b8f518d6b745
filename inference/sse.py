"""Server-sent events, decoded as the bytes arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

_LARGEST_EVENT_BYTES = 16 * 1024**2


class EventTooLargeError(Exception):
    """The sender never ends its event; reading on would fill the memory."""


@dataclass(slots=True)
class EventDecoder:
    """Feed chunks cut anywhere, also inside a character or a line end; get whole ``data`` payloads."""

    _pending: bytearray = field(default_factory=bytearray)
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[str]:
        """The payloads this chunk completed. Comments, ids and event names are skipped."""
        self._pending += chunk
        if len(self._pending) > _LARGEST_EVENT_BYTES:
            raise EventTooLargeError(f"an event of more than {_LARGEST_EVENT_BYTES} bytes")
        *lines, rest = self._pending.split(b"\n")
        self._pending = bytearray(rest)
        payloads: list[str] = []
        for line in lines:
            self._line(bytes(line).removesuffix(b"\r"), payloads)
        return payloads

    def _line(self, line: bytes, payloads: list[str]) -> None:
        if not line:
            if self._data:
                payloads.append("\n".join(self._data))
                self._data = []
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))
