"""A small HTTP server: /health says it lives, the chat endpoint streams one cited answer."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANNOTATION = {
    "type": "url_citation",
    "url_citation": {"url": "/d/1", "title": "信贷管理办法", "start_index": 0, "end_index": 4},
    "karez": {"document_id": "1", "page": 3, "index": 1},
}


NAME = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path.endswith(("/health", "/healthz")) else 404)
        self.end_headers()
        self.wfile.write(f"{NAME}{self.path}".encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Authorization"] == "Bearer kz_demo"
        assert asked["model"] == "assistant:finance"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta in ({"content": "首付比例"}, {"content": "为 20% [1]。"}, {"annotations": [ANNOTATION]}):
            self.wfile.write(f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


def record(name: str) -> None:
    """Leave this process's environment where the test finds it, and a grandchild that nobody ends."""
    path = Path(os.environ.get("STANDIN_DIRECTORY", ".")) / f"{name}.environment.json"
    path.write_text(json.dumps(dict(os.environ)))
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def serve(name: str) -> None:
    serve_at(option("--host"), int(option("--port")), name)


def serve_at(host: str, port: int, name: str) -> None:
    global NAME
    NAME = name
    record(name.partition("-")[0])
    ThreadingHTTPServer((host, port), Handler).serve_forever()
