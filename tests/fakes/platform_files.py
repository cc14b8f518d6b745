"""The part of the fake platform that takes files and shows sources."""

from __future__ import annotations

import time
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fakes.platform_answers import (
    DOCUMENT,
    PASSAGES,
    png,
)
from tests.fakes.platform_responses import (
    Json,
    User,
    page,
    problem,
)


class FilesAndSources:
    file_seconds: float

    def caller(self, request: Request) -> User | None:
        raise NotImplementedError

    def failure(self, request: Request) -> Response | None:
        raise NotImplementedError

    async def conversation_files(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return problem(403, "csrf", "CSRF")
        if failure := self.failure(request):
            return failure
        id_ = request.path_params["id"]
        if id_ not in user.conversations:
            return problem(404, "not_found", "没有这个对话。")
        files = user.files.setdefault(id_, [])
        if request.method == "POST":
            form = await request.form()
            upload = form["file"]
            assert not isinstance(upload, str)
            row = {
                "id": str(uuid.uuid4()),
                "name": upload.filename,
                "since": time.monotonic(),
                "bytes": len(await upload.read()),
            }
            files.append(row)
            return JSONResponse(self.file_state(row), 202)
        return JSONResponse(page([self.file_state(row) for row in reversed(files)]))

    def file_state(self, row: Json) -> Json:
        share = min(1.0, (time.monotonic() - row["since"]) / self.file_seconds)
        bad = "坏" in (row["name"] or "")
        status = ("failed" if bad else "ready") if share >= 1 else "parsing" if share < 0.5 else "embedding"
        error = {"code": "unreadable", "message": "文件已损坏，无法读取。"} if status == "failed" else None
        return {"id": row["id"], "filename": row["name"], "status": status, "progress": share, "error": error}

    async def conversation_file(self, request: Request) -> Response:
        user = self.caller(request)
        if not user:
            return problem(401, "invalid_credential", "令牌无效。")
        id_, file = request.path_params["id"], request.path_params["file"]
        user.files[id_] = [row for row in user.files.get(id_, []) if row["id"] != file]
        return Response(status_code=204)

    async def page_image(self, request: Request) -> Response:
        if not self.caller(request):
            return problem(401, "not_authenticated", "请先登录。")
        if failure := self.failure(request):
            return failure
        if request.path_params["id"] != DOCUMENT:
            return problem(404, "page_not_rendered", "这种格式没有页面图像。")
        return Response(png(900, 1200, "#ffffff", f"Page {request.path_params['n']}"), media_type="image/png")

    async def passages(self, request: Request) -> Response:
        if not self.caller(request):
            return problem(401, "invalid_credential", "令牌无效。")
        if failure := self.failure(request):
            return failure
        around = int(request.query_params["around"])
        rows = [
            {"chunk_id": n + 1, "ordinal": n, "text": text, "page": 4 + n // 3, "section": "第三章 休假"}
            | {"page_end": 4 + n // 3}
            | self.changed_passages.get(n + 1, {})
            for n, text in enumerate(PASSAGES)
        ]
        return JSONResponse({"results": [row for row in rows if abs(int(row["chunk_id"]) - around) <= 2]})  # type: ignore[call-overload]
