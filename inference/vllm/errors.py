"""What can go wrong between a description and a running server.

LaunchError      the description cannot be started; the same description fails again
ServerFailed     it was started, and ended or did not become ready
"""

from __future__ import annotations

from inference.vllm.crashes import Crash


class LaunchError(ValueError):
    """``field`` names what is wrong, ``remedy`` what to do about it; ``code`` is stable."""

    def __init__(self, *, code: str, field: str, detail: str, remedy: str) -> None:
        super().__init__(f"{field}: {detail} {remedy}")
        self.code = code
        self.field = field
        self.detail = detail
        self.remedy = remedy


class ServerFailed(Exception):
    """No further attempt is made; ``crash`` says why the last one ended."""

    def __init__(self, *, name: str, crash: Crash) -> None:
        super().__init__(f"{name}: {crash.detail} {crash.remedy}")
        self.name = name
        self.crash = crash
