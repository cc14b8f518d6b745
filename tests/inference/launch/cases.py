"""Deployments that others have published or documented, as Karez describes them (docs/engines.md names the sources)."""

from inference.launch import EngineDeployment

COMMON = {
    "reasoning-parser": "deepseek_r1",
    "enable-auto-tool-choice": True,
    "tool-call-parser": "deepseek_v3",
}

# vLLM's recipe for one node: latency first.
H200 = EngineDeployment(
    name="r1-0528",
    model="DeepSeek-R1-0528",
    served_name="deepseek-r1",
    image="vllm/vllm-openai:v0.32.0",
    models="/srv/models",
    devices=8,
    cpus=64,
    memory_gib=512,
    flags={"tensor-parallel-size": 8, "enable-expert-parallel": True, "max-model-len": 65536, **COMMON},
    environment={"VLLM_USE_FLASHINFER_MOE_FP8": "1"},
)
# Two nodes: tensors within each, stages between them.
H800 = EngineDeployment(
    name="r1",
    model="DeepSeek-R1",
    served_name="deepseek-r1",
    image="vllm/vllm-openai:v0.32.0",
    models="models-of-all-nodes",
    devices=8,
    nodes=2,
    cpus=64,
    memory_gib=512,
    interface="bond0",
    flags={"tensor-parallel-size": 8, "pipeline-parallel-size": 2, "max-model-len": 32768, **COMMON},
)
# vllm-ascend's tutorial: two Atlas 800 A2, the W8A8 form.
ASCEND = EngineDeployment(
    name="r1-w8a8",
    model="DeepSeek-R1-W8A8",
    served_name="deepseek-r1",
    image="quay.io/ascend/vllm-ascend:v0.23.0",
    models="models-of-all-nodes",
    devices=8,
    nodes=2,
    cpus=96,
    memory_gib=512,
    accelerator="ascend",
    interface="enp189s0f0",
    flags={
        "tensor-parallel-size": 4,
        "data-parallel-size": 4,
        "enable-expert-parallel": True,
        "quantization": "ascend",
        "max-num-seqs": 16,
        "max-model-len": 16384,
        "max-num-batched-tokens": 4096,
        "gpu-memory-utilization": 0.92,
        "speculative-config": {"num_speculative_tokens": 3, "method": "mtp"},
        "compilation-config": {"cudagraph_mode": "FULL_DECODE_ONLY"},
    },
)
# A distilled model on two NPUs of one host.
ASCEND_HOST = EngineDeployment(
    name="distill-32b",
    model="DeepSeek-R1-Distill-Qwen-32B",
    served_name="deepseek-r1-distill",
    image="quay.io/ascend/vllm-ascend:v0.23.0",
    models="/srv/models",
    devices=2,
    cpus=32,
    memory_gib=128,
    accelerator="ascend",
    flags={"tensor-parallel-size": 2, "max-model-len": 32768},
)
EMBEDDING = EngineDeployment(
    name="bge-m3",
    model="bge-m3",
    served_name="bge-m3",
    image="vllm/vllm-openai:v0.32.0",
    models="models-of-all-nodes",
    devices=1,
    cpus=8,
    memory_gib=32,
    replicas=3,
    kind="embedding",
    flags={"runner": "pooling"},
)
