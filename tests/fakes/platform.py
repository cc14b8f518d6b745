"""The platform as the chat process and its page see it: the same contract, in memory, doing what a test tells it to.

    python -m tests.fakes.platform --port 8001 [--chat http://127.0.0.1:8002] [--prefix /llm]

`/sign-in?user=li&next=/chat/` signs in at once, as the user named. With `--chat` it also stands in for the reverse proxy, so
that a browser sees one address. What is asked decides the answer: see `script_of`. `POST /_test/…` changes the rest:
`end-sessions`, `fail {"path": …, "status": …}`, `mend`, and `GET /_test/requests` tells what was received.
"""

from __future__ import annotations

import argparse
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.platform_answers import (
    ANSWER,
    Script,
    assistant,
    citations,
    head,
    message_row,
    png,
    script_of,
    stamp,
)
from tests.fakes.platform_files import FilesAndSources
from tests.fakes.platform_responses import (
    Json,
    User,
    openai_error,
    page,
    paged,
    problem,
)
from tests.fakes.platform_streams import Streams

TOKEN_SECONDS = 300


class FakePlatform(FilesAndSources, Streams):
    def __init__(self, *, prefix: str = "", chat: str = "", token_seconds: float = TOKEN_SECONDS) -> None:
        self.prefix = prefix
        self.token_seconds = token_seconds
        self.users: dict[str, User] = {}
        self.sessions: dict[str, str] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.failures: dict[str, Json] = {}
        self.requests: list[Json] = []
        self.asked_once: set[str] = set()
        self.hung_up = 0
        self.file_seconds = 2.0
        self.tenant = "t1"
        self.changed_passages: dict[int, Json] = {}  # what of a passage is otherwise, by its chunk
        self._chat = chat
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=5), trust_env=False)
        self.assistants = [
            assistant("hr", "人事助手", "人力资源部", "#0f766e", f"https://platform.example{prefix}"),
            assistant("finance", "财务助手", "财务部", "#b45309", f"https://platform.example{prefix}"),
        ]

    def reset(self) -> None:
        """As it was at the beginning."""
        for held in (self.users, self.sessions, self.tokens, self.failures, self.requests, self.asked_once):
            held.clear()
        self.hung_up = 0
        self.file_seconds = 2.0
        self.tenant = "t1"
        self.changed_passages = {}
        self.token_seconds = TOKEN_SECONDS

    def application(self) -> Starlette:
        api, prefix = f"{self.prefix}/api/v1", self.prefix
        conversation = f"{api}/conversations/{{id}}"
        routes = [
            Route(f"{prefix}/sign-in", self.sign_in),
            Route(f"{prefix}/sign-out", self.sign_out, methods=["GET", "POST"]),
            Route(f"{prefix}/", lambda _: HTMLResponse("<title>Console</title><h1>控制台</h1>")),
            Route(f"{api}/session/token", self.token),
            Route(f"{api}/assistants", self.list_assistants),
            Route(f"{api}/departments/{{key}}/logo", self.logo),
            Route(f"{api}/conversations", self.conversations, methods=["GET", "POST"]),
            Route(conversation, self.conversation, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{conversation}/files", self.conversation_files, methods=["GET", "POST"]),
            Route(f"{conversation}/files/{{file}}", self.conversation_file, methods=["DELETE"]),
            Route(f"{api}/messages/{{id}}/feedback", self.feedback, methods=["PUT", "DELETE"]),
            Route(f"{api}/documents/{{id}}/pages/{{n:int}}", self.page_image),
            Route(f"{api}/documents/{{id}}/passages", self.passages),
            Route(
                f"{api}/documents/{{id}}/content",
                lambda _: Response("原文", media_type="text/plain; charset=utf-8"),
            ),
            Route(f"{prefix}/v1/chat/completions", self.completions, methods=["POST"]),
            Route("/_test/{what}", self.control, methods=["GET", "POST"]),
        ]
        if self._chat:
            routes.append(Route(f"{prefix}/chat{{rest:path}}", self.proxy, methods=["GET", "POST"]))
        return Starlette(routes=routes)

    # --- sessions

    def user_named(self, name: str) -> User:
        if name not in self.users:
            shown = {"li": "李敏", "zhang": "张伟"}.get(name, name)
            self.users[name] = User(str(uuid.uuid4()), shown, f"{name}@example.org", console=name == "li")
        return self.users[name]

    async def sign_in(self, request: Request) -> Response:
        name = request.query_params.get("user")
        back = request.query_params.get("next", f"{self.prefix}/chat/")
        if not name:
            return HTMLResponse(
                f"<title>登录</title><h1>登录</h1><a id=go href='?user=li&next={back.replace('&', '%26')}'>登录</a>"
            )
        self.user_named(name)
        session = uuid.uuid4().hex
        self.sessions[session] = name
        response = RedirectResponse(back, 302)
        response.set_cookie("sessionid", session, httponly=True, samesite="lax", path="/")
        response.set_cookie("csrftoken", "c" * 32, samesite="lax", path="/")
        return response

    async def sign_out(self, request: Request) -> Response:
        self.sessions.pop(request.cookies.get("sessionid", ""), None)
        response = RedirectResponse(f"{self.prefix}/sign-in", 302)
        response.delete_cookie("sessionid")
        return response

    async def token(self, request: Request) -> Response:
        name = self.sessions.get(request.cookies.get("sessionid", ""))
        self.note(request)
        if failure := self.failure(request):
            return failure
        if name is None:
            return problem(401, "not_authenticated", "请先登录。")
        user = self.users[name]
        token = f"kt_{uuid.uuid4().hex}"
        self.tokens[token] = name, time.monotonic() + self.token_seconds
        body = {
            "token": token,
            "expires_at": (datetime.now(UTC) + timedelta(seconds=self.token_seconds)).isoformat(),
            "user": {"id": user.id, "name": user.name, "email": user.email},
            "tenant": {"id": self.tenant, "slug": "demo", "name": "示范单位"},
            "console": user.console,
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def caller(self, request: Request) -> User | None:
        """By token, or by cookie with the CSRF header where something changes."""
        self.note(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            name, until = self.tokens.get(token, ("", 0.0))
            return self.users[name] if until > time.monotonic() else None
        name = self.sessions.get(request.cookies.get("sessionid", ""))
        if name is None:
            return None
        safe = request.method == "GET" or request.headers.get("x-csrftoken") == request.cookies.get(
            "csrftoken"
        )
        return self.users[name] if safe else None

    # --- assistants and conversations

    async def list_assistants(self, request: Request) -> Response:
        if not self.caller(request):
            return problem(401, "invalid_credential", "令牌无效。")
        return self.failure(request) or JSONResponse(page(self.assistants))

    async def logo(self, _request: Request) -> Response:
        return Response(png(64, 64, "#0f766e", "K"), media_type="image/png")

    async def conversations(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return problem(401, "invalid_credential", "令牌无效。")
        if failure := self.failure(request):
            return failure
        if request.method == "POST":
            body = await request.json()
            if refused := self.refused(body["assistant"]):
                return problem(*refused)
            row = self.begin(user, body["assistant"])
            return JSONResponse(head(row), 201)
        query = request.query_params.get("q", "")
        rows = sorted(user.conversations.values(), key=lambda row: row["updated_at"], reverse=True)
        found = [
            head(row)
            for row in rows
            if query in row["title"] or any(query in m["content"] for m in row["messages"])
        ]
        return JSONResponse(paged(found, request))

    def refused(self, slug: str) -> tuple[int, str, str] | None:
        """Why this assistant may not be asked."""
        found = next((one for one in self.assistants if one["slug"] == slug), None)
        if found is None:
            return 404, "not_found", "没有这个助手。"
        return None if found.get("enabled", True) else (409, "assistant_disabled", "助手已停用。")

    def begin(self, user: User, slug: str) -> Json:
        id_, now = str(uuid.uuid4()), stamp()
        row: Json = {
            "id": id_,
            "title": "",
            "assistant": slug,
            "created_at": now,
            "updated_at": now,
            "messages": [],
        }
        user.conversations[id_] = row
        return row

    async def conversation(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return problem(401, "invalid_credential", "令牌无效。")
        if failure := self.failure(request):
            return failure
        row = user.conversations.get(request.path_params["id"])
        if row is None:
            return problem(404, "not_found", "没有这个对话。")
        if request.method == "DELETE":
            del user.conversations[row["id"]]
            return Response(status_code=204)
        if request.method == "PATCH":
            row["title"] = (await request.json())["title"]
            return JSONResponse(head(row))
        return JSONResponse(
            {**head(row), "messages": [m for m in row["messages"] if not m.get("superseded")]}
        )

    async def feedback(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return problem(401, "invalid_credential", "令牌无效。")
        if failure := self.failure(request):
            return failure
        for row in user.conversations.values():
            for message in row["messages"]:
                if message["id"] == request.path_params["id"] and message["role"] == "answer":
                    message["feedback"] = await request.json() if request.method == "PUT" else None
                    return JSONResponse(message["feedback"] or {}, 200 if request.method == "PUT" else 204)
        return problem(404, "not_found", "没有这个回答。")

    # --- answers

    async def completions(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return openai_error(401, "invalid_credential", "令牌无效。")
        if failure := self.failure(request):
            return failure
        body = await request.json()
        slug, told = body["model"].removeprefix("assistant:"), body.get("karez") or {}
        if refused := self.refused(slug):
            return openai_error(*refused)
        row = user.conversations.get(told.get("conversation_id", "")) or self.begin(user, slug)
        if told.get("regenerate"):
            question = [m for m in row["messages"] if m["role"] == "question"][-1]
            for message in row["messages"]:
                if message["role"] == "answer" and message["question"] == question["id"]:
                    message["superseded"] = True
            question["status"] = "received"
        else:
            question = message_row("question", "received", body["messages"][-1]["content"])
            row["messages"].append(question)
        row["title"] = row["title"] or question["content"][:60]
        row["updated_at"] = stamp()
        script = script_of(question["content"])
        if script.once and question["content"] in self.asked_once:
            script = Script()
        self.asked_once.add(question["content"])
        if script.status >= 400:
            question["status"] = "failed"
            if script.status == 429:
                row["messages"].remove(question)
            headers = {"Retry-After": str(script.retry_after)} if script.retry_after else {}
            return openai_error(script.status, script.code, script.message, headers)
        return StreamingResponse(self.answer(row, question, script), media_type="text/event-stream")

    # --- the test's hand

    def note(self, request: Request) -> None:
        self.requests.append(
            {
                "method": request.method,
                "path": request.url.path,
                "query": request.url.query,
                "headers": dict(request.headers),
            }
        )
        del self.requests[:-500]

    def failure(self, request: Request) -> Response | None:
        for path, failure in self.failures.items():
            if path in request.url.path:
                headers = {"Retry-After": str(failure["retry_after"])} if failure.get("retry_after") else {}
                return problem(
                    failure["status"], failure.get("code", "scripted"), failure.get("message", ""), headers
                )
        return None

    async def control(self, request: Request) -> Response:
        match request.path_params["what"]:
            case "requests":
                return JSONResponse({"requests": self.requests, "hung_up": self.hung_up})
            case "end-sessions":
                self.sessions.clear()
                self.tokens.clear()
            case "fail":
                body = await request.json()
                self.failures[body["path"]] = body
            case "mend":
                self.failures.clear()
            case "seed":
                self.seed(self.user_named("li"))
            case "set":
                for name, value in (await request.json()).items():
                    setattr(self, name, value)
        return JSONResponse({"ok": True})

    def seed(self, user: User) -> None:
        """Conversations of some weeks."""
        titles = [
            "年假有几天？",
            "差旅费怎么报销",
            "试用期可以延长吗",
            "<b>合同</b>续签要提前多久",
            "育儿假的申请流程",
            "加班费的计算基数",
            "Probation period",
        ]
        for n, title in enumerate(titles):
            row = self.begin(user, "hr")
            row["title"] = title
            row["updated_at"] = (datetime.now(UTC) - timedelta(days=n * n)).isoformat()
            question = message_row("question", "answered", title)
            answer = message_row("answer", "answered", ANSWER) | {
                "question": question["id"],
                "citations": citations(),
                "reasoning": Script().reasoning,
                "reasoning_ms": 4200,
            }
            row["messages"] += [question, answer]

    async def proxy(self, request: Request) -> Response:
        url = f"{self._chat}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        sent = self._http.build_request(
            request.method, url, headers=request.headers.raw, content=await request.body()
        )
        try:
            answer = await self._http.send(sent, stream=True)
        except httpx.HTTPError:
            return Response("chat is down", 502)
        response = StreamingResponse(
            answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
        )
        response.raw_headers = [*answer.headers.raw]
        return response


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chat", default="")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--token-seconds", type=float, default=TOKEN_SECONDS)
    arguments = parser.parse_args()
    fake = FakePlatform(prefix=arguments.prefix, chat=arguments.chat, token_seconds=arguments.token_seconds)
    uvicorn.run(
        fake.application(),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
