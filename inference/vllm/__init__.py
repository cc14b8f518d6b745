"""vLLM: how it is started, and a local server that is kept running."""

from inference.vllm.crashes import Crash, crash_of
from inference.vllm.errors import LaunchError, ServerFailed
from inference.vllm.flags import FlagValue, arguments
from inference.vllm.launch import VllmLaunch, command, process_environment
from inference.vllm.server import Restarting, ServerState, VllmServer

__all__ = [
    "Crash",
    "FlagValue",
    "LaunchError",
    "Restarting",
    "ServerFailed",
    "ServerState",
    "VllmLaunch",
    "VllmServer",
    "arguments",
    "command",
    "crash_of",
    "process_environment",
]
