"""What every server process of this package does before it loads a model."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1

PARENT_PID_VARIABLE = "KAREZ_PARENT_PID"


def die_with_parent(*, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to end this process when the one that started it ends.

    Linux ties this to the *thread* that called fork, so a supervisor starts its children from a thread
    that lives as long as it does. The parent may already be gone when this runs: it names itself in
    ``KAREZ_PARENT_PID`` to close that window.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    expected = os.environ.pop(PARENT_PID_VARIABLE, "")  # not for this process's own children
    if expected.isdigit() and os.getppid() != int(expected):
        os._exit(1)


def ensure_environment(*, required: Mapping[str, str]) -> None:
    """Run this program again with ``required`` in its environment, unless it is there already.

    OpenMP and BLAS read their variables once, when the library is mapped; assigning ``os.environ`` after
    that changes nothing. The process keeps its id, so a supervisor does not notice.
    """
    if all(os.environ.get(name) == value for name, value in required.items()):
        return
    os.environ.update(required)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line again
