"""What the fake platform knows of a user, and the forms in which it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.platform_answers import (
    Script,
)

Json = dict[str, Any]


@dataclass
class User:
    id: str
    name: str
    email: str
    console: bool = False
    conversations: dict[str, Json] = field(default_factory=dict)
    files: dict[str, list[Json]] = field(default_factory=dict)


class ScriptedError(Exception):
    pass


def page(rows: list[Json]) -> Json:
    return {"results": rows, "next": None, "previous": None}


def paged(rows: list[Json], request: Request) -> Json:
    begin, limit = int(request.query_params.get("cursor", "0")), int(request.query_params.get("limit", "50"))
    following = (
        f"http://platform/api/v1/conversations?cursor={begin + limit}" if len(rows) > begin + limit else None
    )
    return {"results": rows[begin : begin + limit], "next": following, "previous": None}


def refusal(script: Script) -> Json:
    return {"karez": {"refused": True, "reason": script.refused}} if script.refused else {}


def event(choices: list[Json], **more: Any) -> bytes:
    choices = [{"index": 0, "finish_reason": None, **choice} for choice in choices]
    chunk = {"object": "chat.completion.chunk", "choices": choices, **more}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"code": code, "detail": detail, "status": status}, status, headers=headers)


def openai_error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers=headers)
