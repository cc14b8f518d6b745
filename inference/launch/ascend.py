"""What an Ascend NPU needs beside the image of vllm-ascend: its devices, the host's driver, and the variables of HCCL."""

from __future__ import annotations

from inference.launch.deployment import EngineDeployment

RESOURCE = "huawei.com/Ascend910"  # as Huawei's device plugin announces them
_MANAGEMENT = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
_OF_THE_HOST = (
    "/usr/local/dcmi",
    "/usr/local/bin/npu-smi",
    "/usr/local/Ascend/driver/lib64",
    "/usr/local/Ascend/driver/version.info",
    "/etc/ascend_install.info",
)


def device_files(*, deployment: EngineDeployment, place: int = 0) -> list[str]:
    """The ``devices`` of the engine at that place on the host, and those that manage them."""
    first = place * deployment.devices
    numbered = [f"/dev/davinci{number}" for number in range(first, first + deployment.devices)]
    return [f"{path}:{path}" for path in (*numbered, *_MANAGEMENT)]


def driver_mounts() -> list[str]:
    """The driver is the host's, and of the version that its firmware wants."""
    return [f"{path}:{path}:ro" for path in _OF_THE_HOST]


def variables(*, deployment: EngineDeployment) -> dict[str, str]:
    """The deployment's own stand over these."""
    found = {"PYTORCH_NPU_ALLOC_CONF": "expandable_segments:True", "HCCL_OP_EXPANSION_MODE": "AIV"}
    if deployment.nodes > 1:
        names = ("GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "HCCL_SOCKET_IFNAME")
        found |= dict.fromkeys(names, deployment.interface)
    return found
