"""What can go wrong between the page and the platform.

ChatError              carries a stable code, the platform's text or none, and when to try again
├── SignedOut          there is no session, or it ended
├── SessionChanged     the session is another person's or organisation's than the page's
└── PlatformError      the platform refused, failed, or did not answer
"""

from typing import Any


class ChatError(Exception):
    def __init__(
        self, code: str, *, message: str = "", status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def view(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "status": self.status,
            "retry_after": self.retry_after,
        }


class SignedOut(ChatError):
    def __init__(self) -> None:
        super().__init__("session_expired", status=401)


class SessionChanged(ChatError):
    def __init__(self) -> None:
        super().__init__("session_changed", status=409)


class PlatformError(ChatError):
    pass


def broken() -> PlatformError:
    """The answer had begun."""
    return PlatformError("stream_broken", status=502)


def unreachable() -> PlatformError:
    return PlatformError("platform_unreachable", status=503, retry_after=5)
