"""What a page may not do while a test has it open: fail, break its own policy, or ask anybody but the platform."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

_WEB = ("http", "https", "ws", "wss")


@dataclass
class Watch:
    """Attach with `watch(page)`. A test that provokes an answer of its own says so: `allowed_statuses.add(404)`."""

    host: str
    allowed_statuses: set[int] = field(default_factory=set)
    allowed_texts: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        # The status of an answer is judged by `_on_response`, which knows what the test expects.
        if message.type not in ("error", "warning") or "Failed to load resource" in message.text:
            return
        if not any(text in message.text for text in self.allowed_texts):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in _WEB and parts.netloc != self.host:
            self.complaints.append(f"a request to another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed_statuses:
            self.complaints.append(f"{response.status} for {response.request.method} {response.url}")
