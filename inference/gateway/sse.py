"""Server-sent events as bytes: whole payloads out of pieces that were cut anywhere."""

from __future__ import annotations

from inference.sse import EventTooLargeError

_MOST_EVENT_BYTES = 16 * 1024**2


class PayloadReader:
    """Feed pieces, get the ``data`` of every event they complete.

    As ``inference.sse.EventDecoder``, for payloads that stay bytes: nearly every event is one line ``data: {…}``, and that
    case is one slice.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Raises EventTooLargeError for an event without an end."""
        if (
            not self._rest
            and piece[:6] == b"data: "
            and piece.find(b"\n") == len(piece) - 2
            and piece[-1:] == b"\n"
        ):
            return [piece[6:-2]] if len(piece) > 8 else []  # one event, whole
        data = self._rest + piece if self._rest else piece
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *events, self._rest = data.split(b"\n\n")
        if len(self._rest) > _MOST_EVENT_BYTES:
            raise EventTooLargeError(f"an event of more than {_MOST_EVENT_BYTES} bytes")
        return [payload for event in events if (payload := _payload(event))]

    def finish(self) -> list[bytes]:
        """An event that the end of the stream cut off before its empty line."""
        rest, self._rest = self._rest, b""
        return [payload] if (payload := _payload(rest.rstrip(b"\r\n"))) else []


def _payload(event: bytes) -> bytes:
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    lines = (line for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)
