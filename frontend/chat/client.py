"""HTTP of the platform: sessions, assistants, conversations, sources. Asking is in `asking`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from frontend.chat.errors import PlatformError, SignedOut, broken, unreachable

# One connection pool for the process: a client of its own per call costs tens of milliseconds of TLS context.
_LIMITS = httpx.Limits(max_connections=1024, max_keepalive_connections=64)
_TIMEOUT = httpx.Timeout(15.0, connect=5.0, pool=10.0)
# The platform sends a sign of life every 15 seconds while an answer is awaited.
_STREAM_TIMEOUT = httpx.Timeout(90.0, connect=5.0, pool=10.0)
_MOST_PAGES = 10

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made, and in which language the answer's texts should be."""

    token: str
    language: str

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Language": self.language}


@dataclass(frozen=True, slots=True)
class Grant:
    """What the platform gives for a session: the token and who it stands for."""

    token: str
    expires_at: datetime
    user_id: str
    user_name: str
    email: str
    tenant_id: str
    tenant_name: str
    console: bool


class Platform:
    def __init__(self, *, control_url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = control_url
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=_LIMITS, trust_env=False, transport=transport, follow_redirects=False
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def grant(self, *, session: str) -> Grant | None:
        """None when the session is none, or no longer one. Raises PlatformError, of status 403 for who may not use the chat."""
        headers = {"Cookie": f"sessionid={session}"}
        try:
            body = await self._call("GET", "/api/v1/session/token", headers=headers)
        except SignedOut:
            return None
        return _grant(body)

    async def assistants(self, *, caller: Caller) -> list[Json]:
        return await self._all("/api/v1/assistants", caller)

    async def conversations(self, *, caller: Caller, query: str, cursor: str) -> tuple[list[Json], str]:
        """One page, and the cursor of the next one or an empty string."""
        params = {"limit": "30"} | ({"q": query} if query else {}) | ({"cursor": cursor} if cursor else {})
        body = await self._call("GET", "/api/v1/conversations", headers=caller.headers(), params=params)
        return body["results"], _cursor(body)

    async def conversation_create(self, *, caller: Caller, assistant: str) -> Json:
        return await self._call(
            "POST", "/api/v1/conversations", headers=caller.headers(), json={"assistant": assistant}
        )

    async def conversation(self, *, caller: Caller, id: str) -> Json:  # noqa: A002
        return await self._call("GET", f"/api/v1/conversations/{id}", headers=caller.headers())

    async def conversation_rename(self, *, caller: Caller, id: str, title: str) -> Json:  # noqa: A002
        return await self._call(
            "PATCH", f"/api/v1/conversations/{id}", headers=caller.headers(), json={"title": title}
        )

    async def conversation_delete(self, *, caller: Caller, id: str) -> None:  # noqa: A002
        await self._call("DELETE", f"/api/v1/conversations/{id}", headers=caller.headers())

    async def feedback_put(self, *, caller: Caller, answer_id: str, feedback: Json) -> None:
        await self._call(
            "PUT", f"/api/v1/messages/{answer_id}/feedback", headers=caller.headers(), json=feedback
        )

    async def feedback_delete(self, *, caller: Caller, answer_id: str) -> None:
        await self._call("DELETE", f"/api/v1/messages/{answer_id}/feedback", headers=caller.headers())

    async def files(self, *, caller: Caller, conversation_id: str) -> list[Json]:
        return await self._all(f"/api/v1/conversations/{conversation_id}/files", caller)

    async def file_delete(self, *, caller: Caller, conversation_id: str, document_id: str) -> None:
        path = f"/api/v1/conversations/{conversation_id}/files/{document_id}"
        await self._call("DELETE", path, headers=caller.headers())

    async def passages(self, *, caller: Caller, document_id: str, chunk_id: int) -> list[Json]:
        """The passage with its neighbours, in order."""
        body = await self._call(
            "GET",
            f"/api/v1/documents/{document_id}/passages",
            headers=caller.headers(),
            params={"around": str(chunk_id), "limit": "5"},
        )
        results: list[Json] = body["results"]
        return results

    @asynccontextmanager
    async def ask(self, *, caller: Caller, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of the event stream of an answer. Leaving the context hangs up, which stops the answer.

        Raises PlatformError, SignedOut.
        """
        headers = caller.headers() | {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        begun = False
        try:
            async with self._http.stream(
                "POST",
                f"{self._base}/v1/chat/completions",
                headers=headers,
                json=dict(body),
                timeout=_STREAM_TIMEOUT,
            ) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise _error(response)
                begun = True
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise (broken() if begun else unreachable()) from error

    async def _all(self, path: str, caller: Caller) -> list[Json]:
        found: list[Json] = []
        params = {"limit": "200"}
        for _page in range(_MOST_PAGES):
            body = await self._call("GET", path, headers=caller.headers(), params=params)
            found += body["results"]
            if not (cursor := _cursor(body)):
                break
            params["cursor"] = cursor
        return found

    async def _call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Json:
        """The body, or an empty one. Raises PlatformError, SignedOut."""
        try:
            response = await self._http.request(
                method,
                f"{self._base}{path}",
                headers=headers,
                params=params,
                json=dict(json) if json is not None else None,
            )
        except httpx.HTTPError as error:
            raise unreachable() from error
        if response.status_code >= 400:
            raise _error(response)
        if response.status_code == 204 or not response.content:
            return {}
        try:
            body = response.json()
        except ValueError as error:
            raise PlatformError("unexpected_answer", status=502) from error
        if not isinstance(body, dict):
            raise PlatformError("unexpected_answer", status=502)
        return body


def _grant(body: Json) -> Grant:
    user, tenant = body["user"], body.get("tenant") or {}
    return Grant(
        token=body["token"],
        expires_at=datetime.fromisoformat(str(body["expires_at"]).replace("Z", "+00:00")),
        user_id=str(user["id"]),
        user_name=user.get("name") or user.get("email") or "",
        email=user.get("email") or "",
        tenant_id=str(tenant.get("id") or ""),
        tenant_name=tenant.get("name") or "",
        console=bool(body.get("console")),
    )


def _cursor(body: Json) -> str:
    """Of the next page. Only the cursor is taken from the link, which names the public address."""
    found = parse_qs(urlsplit(body.get("next") or "").query).get("cursor", [""])
    return found[0]


def _error(response: httpx.Response) -> PlatformError | SignedOut:
    if response.status_code == 401:
        return SignedOut()
    try:
        body = response.json()
    except ValueError:
        body = {}
    told = body.get("error") if isinstance(body, dict) and isinstance(body.get("error"), dict) else body
    told = told if isinstance(told, dict) else {}
    message = told.get("message") or " ".join(filter(None, [told.get("detail"), told.get("remedy")]))
    return PlatformError(
        str(told.get("code") or f"http_{response.status_code}"),
        message=str(message),
        status=response.status_code,
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def _seconds(header: str) -> float | None:
    try:
        return max(1.0, float(header))
    except ValueError:
        return None
