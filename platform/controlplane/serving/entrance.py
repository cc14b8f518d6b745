"""The way in to the engines, as whoever sends them requests sees it. What stands behind it knows of limits and of who waits
(`metering.door`), and is installed by the processes that serve; in others there is none, and nobody waits."""

from collections.abc import Callable, Sequence
from typing import Protocol

from controlplane.identity.principal import Principal
from inference.endpoints import EngineEndpoint

# What an answer is taken to have where nobody says, and the most that is reserved for one, in tokens.
TYPICAL_ANSWER_TOKENS, MOST_ANSWER_TOKENS = 512, 4096
# Of a request's body: English has about four to a token, Chinese about five.
_BYTES_PER_TOKEN = 4


class Ticket(Protocol):
    """A place at an engine. Whoever has it calls `leave`, however it ends."""

    @property
    def waited(self) -> float:
        """Seconds in the queue."""

    @property
    def is_spare(self) -> bool:
        """It is a place at those who stand in."""

    @property
    def allows_spare(self) -> bool:
        """Whoever has it may go to them, too, when nobody else answers."""

    def leave(self, *, tokens: int | None = None) -> None:
        """`tokens`: prompt and answer; None when nobody knows."""


class Entrance(Protocol):
    """Of one process and event loop."""

    async def enter(
        self,
        *,
        principal: Principal,
        replicas: Sequence[EngineEndpoint],
        cost: float,
        batch: bool = False,
        told: Callable[[int], None] | None = None,
        spare: Sequence[EngineEndpoint] = (),
        pressed: bool = False,
    ) -> Ticket:
        """When it is this one's turn. `cost` in tokens, as far as one can tell; `told` hears the position in the queue. A
        `batch` request lets all others go first. `spare`: who stands in instead of a wait, where the limits of who asks allow
        it; at once when the replicas are `pressed`.

        Raises TooMany, Unavailable, Forbidden. Cancelled, it leaves the queue.
        """


def cost_of(*, size: int, answer_tokens: int | None = None) -> float:
    """Tokens that a request of `size` bytes will probably use."""
    answer = TYPICAL_ANSWER_TOKENS if answer_tokens is None else min(answer_tokens, MOST_ANSWER_TOKENS)
    return size / _BYTES_PER_TOKEN + answer


_installed: list[Entrance] = []


def install(entrance: Entrance) -> None:
    """This process's own, in the place of an earlier one."""
    _installed[:] = [entrance]


def entrance() -> Entrance | None:
    """None where nobody keeps it."""
    return _installed[0] if _installed else None
