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
# Whole elements: what a script has in it is no element.
_SCRIPT = re.compile(rb"<script\b(.*?</script>)", re.DOTALL)
_MANIFEST = re.compile(rb'\s*<link rel="manifest"[^>]*>')


class Document:
    def __init__(self, *, path: str, prefix: str) -> None:
        self._path = path
        self._prefix = prefix
        self.version = page_version()
        self._katex = {name: _gradio_asset(f"katex-*.{name}") for name in ("js", "css")}

    def rewritten(self, document: bytes, *, language: Language, nonce: str) -> bytes:
        """`nonce` lets those scripts run that stand in the page now, and none that comes into it later."""
        document = _SOCIAL.sub(b"", _MANIFEST.sub(b"", document))
        document = document.replace(b'lang="en"', f'lang="{TAGS[language]}"'.encode(), 1)
        document = document.replace(b"</head>", self._head(language).encode() + b"</head>", 1)
        return _SCRIPT.sub(b'<script nonce="%b"\\1' % nonce.encode(), document)

    def unavailable(self, *, language: Language) -> Response:
        """When the platform does not answer: a page that tries again by itself."""
        again = '<meta http-equiv="refresh" content="10">'
        body = _notice(language, title="down_title", text="down_text", link="retry", address="", head=again)
        return HTMLResponse(body, 503, headers={"Retry-After": "10"})

    def denied(self, *, language: Language, code: str = "") -> Response:
        """Signed in, and not somebody who may use the chat. Not led back to the sign-in, which would lead here.

        The console's first page tells more of an organisation that is `tenant_suspended`. After `membership_ended` the
        session is in another organisation, whose assistants are at the same address.
        """
        address = f"{self._prefix}/"
        if code == "tenant_suspended":
            texts = {"title": "suspended_title", "text": "suspended_text", "link": "suspended_link"}
        elif code == "membership_ended":
            texts = {"title": "left_title", "text": "left_text", "link": "changed_link"}
            address = f"{self._path}/"
        else:
            texts = {"title": "denied_title", "text": "denied_text", "link": "denied_link"}
        body = _notice(language, **texts, address=address)
        return HTMLResponse(body, 403)

    def _head(self, language: Language) -> str:
        base = f"{self._path}/page/{self.version}"
        return (
            f"<script>{_THEME_SCRIPT}window.KAREZ={_script_json(self._start(language))}</script>"
            f'<link rel="icon" href="{base}/icon.svg" type="image/svg+xml">'
            f'<link rel="stylesheet" href="{base}/chat.css">'
            f'<script type="module" src="{base}/start.js"></script>'
        )

    def _start(self, language: Language) -> dict[str, Any]:
        return {
            "prefix": self._prefix,
            "path": self._path,
            "language": language,
            "lang": TAGS[language],
            "texts": TEXTS[language],
            "katex": {kind: f"{self._path}/assets/{name}" for kind, name in self._katex.items() if name},
        }


def _notice(language: Language, *, title: str, text: str, link: str, address: str, head: str = "") -> str:
    texts = {
        name: html.escape(TEXTS[language][key])
        for name, key in (("title", title), ("text", text), ("link", link))
    }
    return _NOTICE.format(lang=TAGS[language], head=head, address=html.escape(address), **texts)


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
_NOTICE = (
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8">{head}'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style>'
    "body{{font:16px/1.6 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif;display:grid;"
    "place-content:center;min-height:90vh;margin:0;padding:1rem;text-align:center;color:#1b2330;background:#f7f8fa}}"
    "a{{color:#1d4ed8}}@media(prefers-color-scheme:dark){{body{{color:#e6e9ef;background:#14181f}}a{{color:#93b4ff}}}}"
    '</style></head><body><h1>{title}</h1><p>{text}</p><p><a href="{address}">{link}</a></p></body></html>'
)
