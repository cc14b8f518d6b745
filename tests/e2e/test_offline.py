"""Once installed, everything happens inside the walls: the whole start, with every way out of the machine closed."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.conftest import START_SECONDS, STOP_SECONDS, begin, until_ready
from tests.e2e.without_network import REFUSED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
OUTSIDE = (sys.executable, "-m", "tests.e2e.without_network")
PROBE = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"


def test_the_first_start_reaches_a_cited_answer_without_any_network(tmp_path: Path) -> None:
    probe = subprocess.run(
        [*OUTSIDE, sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60
    )
    if probe.returncode == REFUSED:
        pytest.skip(f"the kernel allows no network namespace: {probe.stderr.strip()}")
    assert "Network is unreachable" in probe.stderr

    process = begin(tmp_path / "state", before=OUTSIDE)
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        said = "".join(until_ready(process))
        assert "first question answered" in said
        assert "    [1] " in said
    finally:
        timer.cancel()
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(ValueError):
            process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0
