"""The browser of the machine: Playwright's own is downloaded from a place that an air-gapped machine does not reach."""

import os
import shutil
from functools import cache

from tests.browser import headless_shell

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--disable-dev-shm-usage",
]
MISSING = "no Chromium on this machine: apt install chromium fonts-noto-cjk, or name one in KAREZ_CHROMIUM"


@cache
def find() -> str | None:
    """`KAREZ_CHROMIUM`, or what the distribution has for tests, or the first of the usual names on the path."""
    if named := os.environ.get("KAREZ_CHROMIUM") or headless_shell.obtain():
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None)
