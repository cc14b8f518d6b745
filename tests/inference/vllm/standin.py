"""Stands in for vLLM's command where its processes matter and its answers do not: starts in a fraction of a second.

`--behaviour`: serves · ends (with the line of `--says`) · deaf (to SIGTERM, with a worker that is as deaf) ·
mute (never answers) · once (ends by itself half a second after its first start, serves from the second on)
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        known = self.headers.get("authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"
        answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "1"}}]}
        body = json.dumps(answer if known else {"error": "Unauthorized"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("serve")
    parser.add_argument("model")
    parser.add_argument("--served-model-name")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--behaviour", default="serves")
    parser.add_argument("--says", default="")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    starts = int(given.state.read_text()) + 1 if given.state and given.state.exists() else 1
    if given.state:
        given.state.write_text(str(starts))
    print(f"started {os.getpid()} with {sorted(os.environ)}", flush=True)
    if given.behaviour == "ends":
        print(given.says, flush=True)
        return 1
    if given.behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        worker = subprocess.Popen([sys.executable, "-c", SLEEPER])
        print(f"worker {worker.pid}", flush=True)
    if given.behaviour == "mute":
        time.sleep(600)
    if given.behaviour == "once" and starts == 1:
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
