"""The platform's API as a person in a browser uses it: with a session, and with the chat's token."""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

SECONDS = 60.0
TOKEN_SECONDS = 200.0  # of the 300 that a chat's token is good for


class Person:
    """Signed in. `tenant`: whose data is meant, for who belongs to several."""

    def __init__(self, *, base_url: str, email: str, password: str, tenant: str = "") -> None:
        headers = {"X-Karez-Tenant": tenant} if tenant else {}
        self.http = httpx.Client(base_url=base_url, timeout=SECONDS, trust_env=False, headers=headers)
        self.http.event_hooks = {"request": [self._protect]}
        self.http.get("/sign-in").raise_for_status()
        self.post("session", email=email, password=password)
        self._token, self._asked_for_it = "", 0.0 - TOKEN_SECONDS

    def _protect(self, request: httpx.Request) -> None:
        request.headers["X-CSRFToken"] = self.http.cookies.get("csrftoken", "")

    def get(self, path: str, **params: str) -> Any:
        return self._read(self.http.get(f"/api/v1/{path}", params=params))

    def post(self, path: str, **body: Any) -> Any:
        return self._read(self.http.post(f"/api/v1/{path}", json=body))

    def patch(self, path: str, **body: Any) -> Any:
        return self._read(self.http.patch(f"/api/v1/{path}", json=body))

    def delete(self, path: str) -> None:
        self._read(self.http.delete(f"/api/v1/{path}"))

    def put_file(self, path: str, *, name: str, content: bytes) -> Any:
        return self._read(self.http.put(f"/api/v1/{path}", files={"file": (name, content)}))

    def upload(self, *, base: str, name: str, content: bytes) -> Any:
        return self._read(
            self.http.post(f"/api/v1/knowledge-bases/{base}/documents", files={"file": (name, content)})
        )

    def upload_until_ready(self, *, base: str, files: Mapping[str, bytes]) -> list[str]:
        """Contents by name; returns the documents."""
        sent = [self.upload(base=base, name=name, content=content)["id"] for name, content in files.items()]
        end = time.monotonic() + SECONDS
        while {self.get(f"documents/{id_}")["status"] for id_ in sent} != {"ready"}:
            assert time.monotonic() < end, sent
            time.sleep(0.25)
        return sent

    def ask(self, *, assistant: str, question: str) -> dict[str, Any]:
        """What the answer says of itself: its conversation, its own identifier."""
        if time.monotonic() - self._asked_for_it > TOKEN_SECONDS:
            self._token, self._asked_for_it = self.get("session/token")["token"], time.monotonic()
        answer = self.http.post(
            "/v1/chat/completions",
            headers={"Authorization": f"Bearer {self._token}"},
            json={
                "model": f"assistant:{assistant}",
                "messages": [{"role": "user", "content": question}],
            },
        )
        told: dict[str, Any] = self._read(answer)["karez"]
        return told

    def rate(self, *, answer: str, rating: str, reasons: tuple[str, ...] = (), comment: str = "") -> None:
        self._read(
            self.http.put(
                f"/api/v1/messages/{answer}/feedback",
                json={"rating": rating, "reasons": list(reasons), "comment": comment},
            )
        )

    def _read(self, response: httpx.Response) -> Any:
        assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
        return json.loads(response.text) if response.text else None
