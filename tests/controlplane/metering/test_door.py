"""The way in to the engines: what is remembered of pools is what their replicas have."""

from controlplane.metering.door import Door
from inference.endpoints import EngineEndpoint


def endpoint(name: str, capacity: int | None) -> EngineEndpoint:
    return EngineEndpoint(name=name, base_url=f"http://{name}-{capacity}/v1", model=name, capacity=capacity)


def test_a_request_that_fits_some_replicas_alone_does_not_narrow_the_pool_for_the_others() -> None:
    door = Door(trusted=lambda: False)
    both = [endpoint("r1", 4), endpoint("r1", 8)]
    large = both[1:]
    for replicas, capacity in ((both, 12), (large, 8), (both, 12), (large, 8)):
        assert door._pool(replicas) == "r1"
        assert door._gate.pool("r1").capacity == capacity


def test_what_is_remembered_has_an_end() -> None:
    door = Door(trusted=lambda: False)
    for number in range(1000):
        door._pool([endpoint("r1", number + 1)])
    assert len(door._pools) <= 256
    assert door._gate.pool("r1").capacity == 1000
    assert door._pool([endpoint("r1", None)]) == "r1"
    assert door._gate.pool("r1").capacity is None
