"""What the fake platform holds and says: a document, assistants, and an answer for every kind of question."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from PIL import Image, ImageDraw

Json = dict[str, Any]
DOCUMENT = "0198f0aa-0000-7000-8000-000000000001"
PASSAGES = [
    "第十一条 员工累计工作已满1年不满10年的，年休假5天。",
    "第十二条 年休假在1个年度内可以集中安排，也可以分段安排，一般不跨年度安排。",
    "第十三条 累计工作已满10年不满20年的，年休假10天；已满20年的，年休假15天。国家法定休假日、休息日不计入年休假的假期。",
    "第十四条 有下列情形之一的，不享受当年的年休假：(一) 依法享受寒暑假，休假天数多于年休假的；(二) 请事假累计20天以上的。",
    "第十五条 部门负责人应当在每年一月底之前汇总本部门的休假计划。",
]
ANSWER = """累计工作已满 10 年不满 20 年的，年休假为 **10 天**；已满 20 年的为 15 天[1]。

| 累计工作年限 | 年休假 |
|---|---|
| 1–10 年 | 5 天 |
| 10–20 年 | 10 天 |
| 20 年以上 | 15 天 |

可以分段安排，一般不跨年度[2]。未休年假的折算工资：

$$ W = \\frac{S}{21.75} \\times 3 \\times d $$

其中 $S$ 是月工资，$d$ 是未休天数。"""
HOSTILE = """<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>

![看我](https://evil.example/p.png?leak=1) ![](//evil.example/q.png)

[点我](javascript:window.pwned=3) [数据](data:text/html,x) [外面](https://example.org/页) [这里](/api/v1/documents/1/content)

`<b>代码</b>` 结论[1]。"""


@dataclass(frozen=True)
class Script:
    """What comes back for a question."""

    text: str = ANSWER
    reasoning: str = (
        "用户问的是年休假。先找条款，再看能不能分段安排。第十三条写明了天数，第十二条写明了安排的办法。"
    )
    delay: float = 0.03
    chunk: int = 4
    queue: tuple[int, ...] = ()
    queue_delay: float = 1.0
    status: int = 200
    code: str = ""
    message: str = ""
    retry_after: int | None = None
    refused: str = ""
    break_after: int | None = None
    error_after: int | None = None
    cites: bool = True
    once: bool = False


def script_of(question: str) -> Script:
    """By what is in the question."""
    for word, script in SCRIPTS.items():
        if word in question:
            return script
    return Script()


SCRIPTS: dict[str, Script] = {
    "拒答": Script(
        text="在「人事制度」「财务制度」中没有找到能回答这个问题的内容，因此不作回答。可以换一种问法，或请知识管理员补充文档。",
        reasoning="",
        refused="nothing_found",
        cites=False,
    ),
    "引擎": Script(
        status=503,
        code="engine_unavailable",
        message="模型引擎没有响应。请稍后再试。",
        retry_after=5,
        once=True,
    ),
    "中断": Script(break_after=12, once=True),
    "出错": Script(error_after=12, code="engine_unavailable", message="模型引擎没有响应。", once=True),
    "排队": Script(queue=(3, 2, 1), queue_delay=0.7),
    "限流": Script(status=429, code="rate_limited", message="请求太多。", retry_after=3, once=True),
    "配额": Script(status=429, code="quota_exceeded", message="本月的用量已经用完。", retry_after=86400),
    "慢": Script(delay=0.15),
    "恶意": Script(text=HOSTILE, reasoning="<img src=x onerror='window.pwned=4'>"),
    "长": Script(text="\n\n".join(f"第 {n} 段：" + "内容" * 30 for n in range(40)), delay=0.01, chunk=12),
    "快": Script(text="好的。", reasoning="", delay=0.0, cites=False),
    "量": Script(text="计量" * 200, reasoning="推理" * 40, delay=0.02, chunk=4, cites=False),
}


def assistant(slug: str, name: str, department: str, color: str, base: str) -> Json:
    return {
        "slug": slug,
        "name": name,
        "department": department,
        "model": f"assistant:{slug}",
        "greeting": f"您好，我是{name}，只依据{department}的文件回答，并注明出处。",
        "opening_questions": [
            "工作满 10 年，年假有几天？",
            "试用期最长多久？",
            "差旅费怎么报销？",
            "加班费的计算基数是什么？",
        ],
        "brand": {
            "name": "示范单位",
            "color": color,
            "logo_url": f"{base}/api/v1/departments/{slug}/logo" if slug == "hr" else None,
        },
    }


def citations() -> list[Json]:
    shared = {"document_id": DOCUMENT, "title": "员工休假管理办法（2025 版）.pdf", "section": "第三章 休假"}
    return [
        {"index": 1, "start": 0, "end": 3, "chunk_id": 3, "page": 4, "quote": PASSAGES[2], **shared},
        {"index": 2, "start": 0, "end": 3, "chunk_id": 2, "page": 4, "quote": PASSAGES[1], **shared},
    ]


def annotation(citation: Json) -> Json:
    return {
        "type": "url_citation",
        "url_citation": {
            "url": "http://platform/x",
            "title": citation["title"],
            "start_index": 0,
            "end_index": 3,
        },
        "karez": {
            key: citation[key] for key in ("document_id", "page", "section", "chunk_id", "quote", "index")
        },
    }


def message_row(role: str, status: str, content: str) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "role": role,
        "status": status,
        "content": content,
        "reasoning": "",
        "reasoning_ms": None,
        "standalone_question": "",
        "reason": "",
        "citations": [],
        "feedback": None,
        "created_at": stamp(),
    }


def head(row: Json) -> Json:
    return {key: row[key] for key in ("id", "title", "assistant", "created_at", "updated_at")}


def stamp() -> str:
    return datetime.now(UTC).isoformat()


def png(width: int, height: int, color: str, text: str) -> bytes:
    image = Image.new("RGB", (width, height), color)
    draw = ImageDraw.Draw(image)
    draw.text((width // 3, 20), text, fill="#888888", font_size=min(48, width // 2))
    for line in range(130, height - 60, 34):
        if width > 100:
            draw.rectangle((70, line, width - 70 - (line * 7) % 160, line + 12), fill="#c9cdd4")
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()
