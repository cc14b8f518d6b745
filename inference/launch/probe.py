"""Whether an engine answers, asked inside its container by a request of one token.

`/health` of vLLM stays at 200 while a node of its group is dead, until the next request finds out. This one does.
"""

from __future__ import annotations

import json

from inference.endpoints import EngineKind
from inference.launch.deployment import PORT, EngineDeployment

REQUEST_SECONDS = 50
KEY_FILE = "/run/secrets/engine_api_key"
_PATHS: dict[EngineKind, str] = {"chat": "chat/completions", "embedding": "embeddings", "rerank": "rerank"}
# An engine that refuses because it is full is well: taking it out would make the others fuller.
_SCRIPT = """\
import os, sys, urllib.error, urllib.request
key = os.environ.get("VLLM_API_KEY") or open({key_file!r}).read().strip()
headers = {{"Authorization": "Bearer " + key, "Content-Type": "application/json"}}
try:
    urllib.request.urlopen(urllib.request.Request({url!r}, {body!r}.encode(), headers), timeout={seconds})
except urllib.error.HTTPError as error:
    sys.exit(error.code not in (429, 503))
"""


def probe_command(*, deployment: EngineDeployment) -> list[str]:
    """Exit status 0: it answers. The key is read in the container, and stands in no command."""
    script = _SCRIPT.format(
        key_file=KEY_FILE,
        url=f"http://127.0.0.1:{PORT}/v1/{_PATHS[deployment.kind]}",
        body=json.dumps(_body(deployment)),
        seconds=REQUEST_SECONDS,
    )
    return ["python3", "-c", script]


def _body(deployment: EngineDeployment) -> dict[str, object]:
    model = {"model": deployment.served_name}
    if deployment.kind == "embedding":
        return {**model, "input": ["1"]}
    if deployment.kind == "rerank":
        return {**model, "query": "1", "documents": ["1"]}
    return {**model, "messages": [{"role": "user", "content": "1"}], "max_tokens": 1}
