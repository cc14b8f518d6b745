"""Which worker takes what."""

from controlplane.core.queue import DEFAULT_QUEUE, QUEUES
from deploy.commands import EMBED_QUEUES, PARSE_QUEUES


def test_every_queue_has_a_worker_and_long_work_of_one_kind_does_not_keep_the_sweep_waiting() -> None:
    parse, embed = PARSE_QUEUES.split(","), EMBED_QUEUES.split(",")
    assert {*parse, *embed} == {*QUEUES.values(), DEFAULT_QUEUE}
    assert DEFAULT_QUEUE in parse
    assert DEFAULT_QUEUE in embed
