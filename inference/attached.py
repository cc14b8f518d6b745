"""``python -m inference.attached COMMAND …``: run the command so that it ends with whoever started it."""

from __future__ import annotations

import os
import signal
import sys

from inference.process import die_with_parent

EXIT_NOT_FOUND = 127

if __name__ == "__main__":
    # Asked to end, not killed: a server takes its own workers with it.
    die_with_parent(with_signal=signal.SIGTERM)
    os.chdir("/")
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {sys.argv[1]}: {error.strerror}\n")
        sys.exit(EXIT_NOT_FOUND)
