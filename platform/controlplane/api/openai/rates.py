"""What is left of the limits, in the headers in which OpenAI's clients look for it."""

from starlette.types import Message, Send

from controlplane.identity.principal import Principal
from controlplane.metering.door import Door
from inference.admission import Left

Headers = list[tuple[bytes, bytes]]


def rate_headers(*, door: Door, principal: Principal) -> Headers:
    """None without a limit. Read from the admission's memory at the moment the response begins."""
    requests, tokens = door.left(principal=principal)
    return [*_headers(b"requests", requests), *_headers(b"tokens", tokens)]


def with_rates(*, send: Send, door: Door, principal: Principal) -> Send:
    """A `send` that puts them on the response, for the application behind."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *rate_headers(door=door, principal=principal)]
            message = {**message, "headers": headers}
        await send(message)

    return sent


def _headers(kind: bytes, left: Left | None) -> Headers:
    if left is None:
        return []
    return [
        (b"x-ratelimit-limit-" + kind, b"%d" % left.limit),
        (b"x-ratelimit-remaining-" + kind, b"%d" % left.remaining),
        (b"x-ratelimit-reset-" + kind, duration(seconds=left.reset_seconds)),
    ]


def duration(*, seconds: float) -> bytes:
    """As OpenAI writes it: `0s`, `20ms`, `1.5s`, `6m0s`."""
    milliseconds = round(seconds * 1000)
    if 0 < milliseconds < 1000:
        return b"%dms" % milliseconds
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:g}s"
    return (f"{minutes}m{text}" if minutes else text).encode()
