"""Real vLLM under the watch: its own figures, and what they change for a stream that its client leaves."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from django.conf import settings

from controlplane.core.offload import in_thread
from controlplane.core.scope import tenant_scope
from controlplane.metering.ledger import ledger_take_all
from controlplane.metering.meter import journal_directory
from controlplane.metering.models import LedgerEntry
from controlplane.serving.registry import registry
from inference.endpoints import parse_endpoints
from inference.fleet import Replica
from tests.controlplane.serving.fleets import QUICK, forget_everything, until, watching
from tests.vllm.conftest import Engines, Gateway
from tests.vllm.test_vllm_gateway import ask, endless, idle, question, seconds_until

pytestmark = pytest.mark.timeout(600)
# A question of one token each third of a second would be all that two cores have time for.
PACE = replace(QUICK, probe=5.0, limit=20.0)


@pytest.fixture(autouse=True)
def registry_of_its_own(committed: None) -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()


@dataclass
class Left:
    """A stream whose client went away in the middle."""

    chunks: int = 0
    running: int | None = None


def replica(name: str) -> Replica:
    [found] = registry().replicas(name=name)
    return found


def stopped(gateway: Gateway) -> LedgerEntry | None:
    ledger_take_all(directory=journal_directory())
    with tenant_scope(gateway.organisation.tenant.pk):
        return LedgerEntry.objects.filter(outcome="stopped").first()


async def test_its_figures_are_told_and_its_own_count_stands_for_a_stream_that_was_left(
    gateway: Gateway, engines: Engines
) -> None:
    left = Left()

    def leave() -> None:
        with endless(gateway, stream=True) as stream:
            for chunk in stream:
                assert chunk.usage is None
                left.chunks += 1
                if left.chunks > 20 and (replica("reasoner").running or left.chunks > 2000):
                    left.running = replica("reasoner").running
                    break

    async with watching(*parse_endpoints(value=settings.ENV.engines), pace=PACE):
        # Metrics are read before the first answer to a probe: both are told, one after the other.
        await until(lambda: replica("reasoner").running == replica("chat").running == 0, seconds=60)
        await until(lambda: replica("reasoner").state == replica("chat").state == "ready", seconds=60)
        for _ in range(2):
            await in_thread(
                ask, gateway, question("Answer as the rules say. " * 40), model="chat", max_tokens=3
            )
        await until(lambda: bool(replica("chat").prefix_hit_rate))
        await asyncio.to_thread(leave)
        assert left.running == 1
        await until(lambda: replica("reasoner").running == 0)
        await until(lambda: stopped(gateway) is not None)
        assert await asyncio.to_thread(seconds_until, lambda: idle(engines.latent)) < 5
    entry = await in_thread(stopped, gateway)
    assert entry is not None
    assert not entry.is_estimated
    assert entry.prompt_tokens == engines.latent.tokens(text="Hello")
    assert entry.completion_tokens >= left.chunks - 1
