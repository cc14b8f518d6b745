"""Gradio's HTML document, made ours: language, title and icon, no addresses of others, and what our scripts start from."""

import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import gradio
from starlette.responses import HTMLResponse, Response

from frontend.chat.languages import TAGS, Language
from frontend.chat.texts import TEXTS

PAGE = Path(__file__).parent / "page"
_GRADIO = Path(gradio.__file__).parent / "templates" / "frontend"
_SOCIAL = re.compile(rb'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
_MANIFEST = re.compile(rb'\s*<link rel="manifest"[^>]*>')


class Document:
    def __init__(self, *, path: str, prefix: str) -> None:
        self._path = path
        self._prefix = prefix
        self.version = page_version()
        self._katex = {name: _gradio_asset(f"katex-*.{name}") for name in ("js", "css")}

    def rewritten(self, document: bytes, *, language: Language) -> bytes:
        document = _SOCIAL.sub(b"", _MANIFEST.sub(b"", document))
        document = document.replace(b'lang="en"', f'lang="{TAGS[language]}"'.encode(), 1)
        return document.replace(b"</head>", self._head(language).encode() + b"</head>", 1)

    def unavailable(self, *, language: Language) -> Response:
        """When the platform does not answer: a page that tries again by itself."""
        texts = {name: html.escape(TEXTS[language][name]) for name in ("down_title", "down_text", "retry")}
        body = _UNAVAILABLE.format(lang=TAGS[language], **texts)
        return HTMLResponse(body, 503, headers={"Retry-After": "10"})

    def _head(self, language: Language) -> str:
        base = f"{self._path}/page/{self.version}"
        return (
            f"<script>{_THEME_SCRIPT}window.KAREZ={_script_json(self._start(language))}</script>"
            f'<link rel="icon" href="{base}/icon.svg" type="image/svg+xml">'
            f'<link rel="stylesheet" href="{base}/chat.css">'
            f'<script type="module" src="{base}/app.js"></script>'
        )

    def _start(self, language: Language) -> dict[str, Any]:
        return {
            "prefix": self._prefix,
            "path": self._path,
            "language": language,
            "texts": TEXTS[language],
            "katex": {kind: f"{self._path}/assets/{name}" for kind, name in self._katex.items() if name},
        }


def page_version() -> str:
    """Of our own scripts and styles, for addresses that may be kept for ever."""
    found = hashlib.sha256()
    for file in sorted(PAGE.iterdir()):
        found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


def _gradio_asset(pattern: str) -> str:
    """Its name holds a hash of its own; empty when this Gradio has none, and formulas stay as they are written."""
    return next((file.name for file in sorted((_GRADIO / "assets").glob(pattern))), "")


def _script_json(value: Any) -> str:
    """Inside <script>: nothing in it can end the element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


# Before the first paint, so that a dark page does not flash white.
_THEME_SCRIPT = (
    "(()=>{let t='';try{t=localStorage.getItem('karez-theme')||''}catch{}"
    "const dark=t==='dark'||(t!=='light'&&matchMedia('(prefers-color-scheme: dark)').matches);"
    "document.documentElement.dataset.theme=dark?'dark':'light'})();"
)
_UNAVAILABLE = (
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{down_title}</title><style>'
    "body{{font:16px/1.6 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif;display:grid;"
    "place-content:center;min-height:90vh;margin:0;padding:1rem;text-align:center;color:#1b2330;background:#f7f8fa}}"
    "a{{color:#1d4ed8}}@media(prefers-color-scheme:dark){{body{{color:#e6e9ef;background:#14181f}}a{{color:#93b4ff}}}}"
    '</style></head><body><h1>{down_title}</h1><p>{down_text}</p><p><a href="">{retry}</a></p></body></html>'
)
