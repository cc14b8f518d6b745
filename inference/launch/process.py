"""A script for one host without containers: vLLM in the foreground, for systemd or whatever keeps processes there."""

from __future__ import annotations

import shlex

from inference.launch import ascend
from inference.launch.deployment import PORT, EngineDeployment
from inference.vllm.errors import LaunchError
from inference.vllm.flags import arguments

_VISIBLE = {"nvidia": "CUDA_VISIBLE_DEVICES", "ascend": "ASCEND_RT_VISIBLE_DEVICES"}


def process_script(*, deployment: EngineDeployment) -> str:
    """The text of a POSIX shell script. Raises LaunchError for what one host cannot run."""
    if deployment.nodes > 1:
        raise LaunchError(
            code="form_needs_one_node",
            field="nodes",
            detail="A script is for one host.",
            remedy="Use the LeaderWorkerSet or the Helm values.",
        )
    return "\n".join([*_heading(deployment), *_body(deployment), ""])


def _heading(deployment: EngineDeployment) -> list[str]:
    several = deployment.replicas > 1
    call = f"sh engine.sh [0-{deployment.replicas - 1}]" if several else "sh engine.sh"
    ports = f"{PORT}-{PORT + deployment.replicas - 1}" if several else str(PORT)
    return [
        "#!/bin/sh",
        f"# {deployment.served_name} on this host with vLLM from {deployment.image}, or the same version installed otherwise.",
        f"#   VLLM_API_KEY=… {call}",
        f"# One engine a run, in the foreground, on port {ports}. It listens to this machine alone unless HOST names another",
        "# address of it: open that to Karez's machines and to nobody else.",
        *_templates(deployment),
        "set -eu",
        ': "${VLLM_API_KEY:?give the key that Karez will send}"',
        "export VLLM_API_KEY",
    ]


def _templates(deployment: EngineDeployment) -> list[str]:
    template = deployment.flags.get("chat-template")
    if not isinstance(template, str) or not template.startswith("examples/"):
        return []
    return [f"# {template} is of vLLM's source tree: run this there, or give its place."]


def _body(deployment: EngineDeployment) -> list[str]:
    own = ascend.variables(deployment=deployment) if deployment.accelerator == "ascend" else {}
    lines = [
        f"export {name}={shlex.quote(value)}" for name, value in {**own, **deployment.variables()}.items()
    ]
    if deployment.replicas > 1:
        lines += _place(deployment)
    model = f"{deployment.models.rstrip('/')}/{deployment.model}"
    port = f"$(({PORT} + index))" if deployment.replicas > 1 else str(PORT)
    words = [shlex.quote(word) for word in ("--served-model-name", deployment.served_name)]
    flags = [shlex.quote(word) for word in arguments(flags=deployment.flags)]
    listen = ["--host", '"${HOST:-127.0.0.1}"', "--port", port]
    return [*lines, " ".join(["exec vllm serve", shlex.quote(model), *words, *listen, *flags])]


def _place(deployment: EngineDeployment) -> list[str]:
    """Which of several engines: its own cards and its own port."""
    cards = [
        ",".join(str(number) for number in range(first, first + deployment.devices))
        for first in range(0, deployment.replicas * deployment.devices, deployment.devices)
    ]
    cases = [
        f"  {index}) export {_VISIBLE[deployment.accelerator]}={found} ;;"
        for index, found in enumerate(cards)
    ]
    return [
        'index="${1:-0}"',
        'case "$index" in',
        *cases,
        f'  *) echo "there are engines 0 to {deployment.replicas - 1}" >&2; exit 2 ;;',
        "esac",
    ]
