"""The part of the fake platform that streams answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

from tests.fakes.platform_answers import (
    Script,
    annotation,
    citations,
    message_row,
)
from tests.fakes.platform_responses import (
    Json,
    ScriptedError,
    event,
    refusal,
)


class Streams:
    hung_up: int

    async def answer(self, row: Json, question: Json, script: Script) -> AsyncIterator[bytes]:
        answer = message_row("answer", "stopped", "") | {"question": question["id"]}
        try:
            for position in script.queue:
                yield f": queued position={position}\n\n".encode()
                await asyncio.sleep(script.queue_delay)
            first = {"conversation_id": row["id"], "question_id": question["id"], "answer_id": answer["id"]}
            yield event([{"delta": {"role": "assistant", "content": ""}}], karez=first)
            async for frame in self.pieces(answer, script):
                yield frame
            if script.cites:
                answer["citations"] = citations()
                yield event([{"delta": {"annotations": [annotation(c) for c in citations()]}}])
            answer["status"], answer["reason"] = "refused" if script.refused else "answered", script.refused
            yield event([{"delta": {}, "finish_reason": "stop"} | refusal(script)])
            yield b"data: [DONE]\n\n"
        except ScriptedError:
            answer["status"] = "failed"
            yield b"data: " + json.dumps({"error": {"code": script.code, "message": script.message}}).encode()
            yield b"\n\ndata: [DONE]\n\n"
        except ConnectionError:
            answer["status"] = "failed"
            raise
        finally:
            self.hung_up += answer["status"] == "stopped"
            question["status"] = answer["status"]
            if answer["content"] or answer["reasoning"]:
                row["messages"].append(answer)

    async def pieces(self, answer: Json, script: Script) -> AsyncIterator[bytes]:
        """The text, bit by bit, as far as the script goes."""
        began, sent = time.monotonic(), 0
        for name, text in (("reasoning", script.reasoning), ("content", script.text)):
            for start in range(0, len(text), script.chunk):
                piece = text[start : start + script.chunk]
                answer[name] += piece
                fields = ("content",) if name == "content" else ("reasoning_content", "reasoning")
                yield event([{"delta": dict.fromkeys(fields, piece)}], sent=time.monotonic())
                sent += 1
                if sent == script.break_after:
                    raise ConnectionError
                if sent == script.error_after:
                    raise ScriptedError
                if script.delay:
                    await asyncio.sleep(script.delay)
            if name == "reasoning" and text:
                answer["reasoning_ms"] = round((time.monotonic() - began) * 1000)
