"""An engine to be killed: it writes on the disk whom it began to answer, and counts what is under way.

    python -m tests.controlplane.api.openai.faults.engine PORT LOG

The answer to request `u7` is `u7` said again and again; how often, and how fast, follows from the number.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "deepseek-v3"
PROMPT_TOKENS = 11
_under_way = 0


def pieces_of(user: str) -> int:
    """How many tokens the answer has."""
    return 5 + int(user.removeprefix("u")) % 40


def text_of(user: str) -> str:
    """The answer."""
    return f"{user} " * pieces_of(user)


def usage_of(user: str) -> dict[str, Any]:
    """What it costs."""
    count = pieces_of(user)
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": count,
        "total_tokens": PROMPT_TOKENS + count,
        "prompt_tokens_details": {"cached_tokens": count % 7},
    }


def application(log: Path) -> Starlette:
    async def completions(request: Request) -> Response:
        body = await request.json()
        user = body["messages"][-1]["content"]
        with log.open("a") as file:
            file.write(f"{user}\n")
        if body.get("stream"):
            return StreamingResponse(stream(user), media_type="text/event-stream")
        async with _Counted():
            await asyncio.sleep(0.01 * pieces_of(user))
        message = {"role": "assistant", "content": text_of(user)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({"id": user, "model": MODEL, "choices": [choice], "usage": usage_of(user)})

    async def stream(user: str) -> AsyncIterator[bytes]:
        async with _Counted():
            for _ in range(pieces_of(user)):
                yield event({"index": 0, "delta": {"content": f"{user} "}, "finish_reason": None})
                await asyncio.sleep(0.01)
            yield event({"index": 0, "delta": {}, "finish_reason": "stop"})
            yield b"data: %b\n\n" % json.dumps({"choices": [], "usage": usage_of(user)}).encode()
            yield b"data: [DONE]\n\n"

    def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/models", models),
            Route("/under-way", lambda _request: JSONResponse(_under_way)),
        ]
    )


def event(choice: dict[str, Any]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(chunk, separators=(",", ":")).encode()


class _Counted:
    async def __aenter__(self) -> None:
        global _under_way
        _under_way += 1

    async def __aexit__(self, *_: object) -> None:
        global _under_way
        _under_way -= 1


if __name__ == "__main__":
    uvicorn.run(application(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="critical")
