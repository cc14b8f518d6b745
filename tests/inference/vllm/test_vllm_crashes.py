"""Reasons, from lines: the first five as vLLM 0.32.0 wrote them on a CPU, the others after its source and torch's."""

import pytest

from inference.vllm import crash_of

CASES = [
    ("vllm: error: unrecognized arguments: --no-such-flag 3", "unsupported_flag", True),
    ("vllm serve: error: argument --dtype: invalid choice: 'float7'", "flag_value", True),
    ("OSError: [Errno 98] Address already in use", "port_in_use", False),
    (
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder",
        "model_not_found",
        True,
    ),
    (
        "(4096), (0.0 GiB KV cache is needed, which is larger than the available KV cache memory (0.0 GiB).",
        "context_too_long",
        True,
    ),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB.", "out_of_memory", False),
    (
        "ValueError: Available memory on node 0 (3.1/23.5 GiB) is less than desired CPU memory utilization (0.92)",
        "out_of_memory",
        False,
    ),
    (
        "OSError: /models/none is not a local folder and is not a valid model identifier listed on 'https://hf.co/models'",
        "model_not_found",
        True,
    ),
    (
        "ValueError: Model architectures ['NewForCausalLM'] are not supported for now.",
        "model_unsupported",
        True,
    ),
    ("RuntimeError: Failed to infer device type, please set VLLM_LOGGING_LEVEL=DEBUG", "no_device", True),
    (
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.cpp:77, remote process exited",
        "peer_lost",
        False,
    ),
    ("cannot run vllm: No such file or directory", "not_startable", True),
]


@pytest.mark.parametrize(("line", "code", "lasting"), CASES)
def test_reasons(line: str, code: str, lasting: bool) -> None:
    lines = (
        "INFO starting",
        f"(EngineCore pid=31) ERROR 11-30 22:41:40 [core.py:1027] {line}",
        "RuntimeError: Engine core initialization failed.",
    )
    if code == "not_startable":
        lines = (line,)
    crash = crash_of(lines=lines, exit_code=1)
    assert (crash.code, crash.detail, crash.lasting) == (code, line, lasting)
    assert crash.remedy


def test_what_has_no_name_tells_its_last_error() -> None:
    crash = crash_of(lines=("KeyError: 'first'", "Traceback", "RuntimeError: something new"), exit_code=1)
    assert (crash.code, crash.detail) == ("ended", "exit code 1: RuntimeError: something new.")
    assert crash_of(lines=(), exit_code=-11).detail == "killed by signal 11."
    assert crash_of(lines=(), exit_code=-9).code == "killed"
    assert crash_of(lines=("INFO loading",), exit_code=None).code == "not_ready"


def test_a_line_without_end_is_cut() -> None:
    assert len(crash_of(lines=("OutOfMemoryError " + "x" * 5000,), exit_code=1).detail) == 400
