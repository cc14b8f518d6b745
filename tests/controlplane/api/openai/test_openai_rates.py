"""What is left of the limits, in the headers of OpenAI's names."""

import httpx
import pytest

from controlplane.api.openai.rates import duration
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_admission import limit_tenant, post
from tests.fakes.engine import FakeEngine


def rates(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("x-ratelimit-")}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, b"0s"), (0.0201, b"20ms"), (0.9999, b"1s"), (1.5, b"1.5s"), (60, b"1m0s"), (125.25, b"2m5.25s")],
)
def test_durations_are_written_as_openai_does(seconds: float, told: bytes) -> None:
    assert duration(seconds=seconds) == told


def test_every_answer_tells_what_is_left_where_there_is_a_limit(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    assert rates(post(platform, bank)) == {}
    limit_tenant(bank, requests_per_minute=12)
    told = [
        rates(post(platform, bank)),
        rates(post(platform, bank, stream=True)),
        rates(post(platform, bank, model="assistant:finance")),
        rates(refused := post(platform, bank)),
    ]
    assert refused.status_code == 429
    assert [(one["x-ratelimit-limit-requests"], one["x-ratelimit-remaining-requests"]) for one in told] == [
        ("12", "1"),
        ("12", "0"),
        ("12", "0"),  # nothing was found, and so no engine was asked
        ("12", "0"),
    ]
    assert float(told[-1]["x-ratelimit-reset-requests"].removesuffix("s")) == pytest.approx(10, abs=3)
    assert not any(name.endswith("-tokens") for one in told for name in one)
    limit_tenant(bank, tokens_per_minute=60_000)
    left = rates(post(platform, bank, max_tokens=16))
    assert set(left) == {f"x-ratelimit-{what}-tokens" for what in ("limit", "remaining", "reset")}
    assert left["x-ratelimit-limit-tokens"] == "60000"
    assert 9_900 < int(left["x-ratelimit-remaining-tokens"]) < 10_000
