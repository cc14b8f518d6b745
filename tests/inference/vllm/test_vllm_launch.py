"""From a description to a command line and an environment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.vllm import LaunchError, VllmLaunch, arguments, command, process_environment

LAUNCH = VllmLaunch(
    model="/models/r1",
    served_name="deepseek-r1",
    port=21_000,
    log=Path("/var/log/r1.log"),
    api_key="sk-engine",
    flags={
        "tensor-parallel-size": 8,
        "enable_expert_parallel": True,
        "enable-prefix-caching": False,
        "quantization": None,
        "gpu-memory-utilization": 0.92,
        "reasoning-parser": "deepseek_r1",
        "speculative-config": {"method": "mtp", "num_speculative_tokens": 1},
        "lora-modules": ["legal=/loras/legal", "tax=/loras/tax"],
    },
    environment={"VLLM_USE_FLASHINFER_MOE_FP8": "1"},
)


def test_the_command_holds_every_flag_and_no_secret() -> None:
    assert command(launch=LAUNCH) == (
        *("vllm", "serve", "/models/r1", "--served-model-name", "deepseek-r1"),
        *("--host", "127.0.0.1", "--port", "21000"),
        *("--tensor-parallel-size", "8", "--enable-expert-parallel", "--no-enable-prefix-caching"),
        *("--gpu-memory-utilization", "0.92", "--reasoning-parser", "deepseek_r1"),
        *("--speculative-config", '{"method":"mtp","num_speculative_tokens":1}'),
        *("--lora-modules", "legal=/loras/legal", "tax=/loras/tax"),
    )
    assert "sk-engine" not in repr(LAUNCH)


def test_the_environment_holds_the_key_and_nothing_of_the_platform() -> None:
    inherited = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HCCL_IF_IP": "10.0.0.1",
        "KAREZ_SECRET_KEY": "x",
        "KAREZ_DATABASE_URL": "x",
        "PYTHONPATH": "/karez",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VLLM_API_KEY": "another",
    }
    assert process_environment(launch=LAUNCH, inherited=inherited) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HCCL_IF_IP": "10.0.0.1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_USE_FLASHINFER_MOE_FP8": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "PYTHONUNBUFFERED": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_LOOPBACK_IP": "127.0.0.1",
        "VLLM_API_KEY": "sk-engine",
    }


def test_a_launch_may_go_to_the_hub_when_it_says_so() -> None:
    launch = replace(LAUNCH, environment={"HF_HUB_OFFLINE": "0"})
    assert process_environment(launch=launch, inherited={})["HF_HUB_OFFLINE"] == "0"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("host", "0.0.0.0", "flag_reserved"),
        ("api-key", "sk", "flag_reserved"),
        ("api_key", "sk", "flag_reserved"),
        ("config", "/etc/vllm.yaml", "flag_reserved"),
        ("uds", "/run/x", "flag_reserved"),
        ("--tensor-parallel-size", 8, "flag_invalid"),
        ("Dtype", "float32", "flag_invalid"),
        ("dtype", "--host=0.0.0.0", "flag_invalid"),
        ("lora-modules", ["a=b", "--host=0.0.0.0"], "flag_invalid"),
        ("nnodes", 2, "flag_needs_machines"),
        ("headless", True, "flag_needs_machines"),
    ],
)
def test_flags_that_are_refused(name: str, value: Any, code: str) -> None:
    with pytest.raises(LaunchError) as refusal:
        replace(LAUNCH, flags={name: value})
    assert refusal.value.code == code
    assert refusal.value.field == f"flags.{name.replace('_', '-')}"
    assert refusal.value.remedy


def test_a_flag_given_twice_is_refused() -> None:
    with pytest.raises(LaunchError, match=r"flags\.max-model-len: it is there twice"):
        arguments(flags={"max-model-len": 1, "max_model_len": 2})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": "--help"}, "model"),
        ({"served_name": ""}, "served_name"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"api_key": ""}, "api_key"),
        ({"environment": {"VLLM_API_KEY": "x"}}, "environment.VLLM_API_KEY"),
        ({"environment": {"VLLM_SERVER_DEV_MODE": "1"}}, "environment.VLLM_SERVER_DEV_MODE"),
        ({"environment": {"VLLM_HOST_IP": "0.0.0.0"}}, "environment.VLLM_HOST_IP"),
    ],
)
def test_what_cannot_be_launched_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(LaunchError) as refusal:
        replace(LAUNCH, **change)
    assert refusal.value.field == field
    assert refusal.value.remedy
