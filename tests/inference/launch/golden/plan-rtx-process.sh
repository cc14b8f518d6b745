#!/bin/sh
# deepseek-r1-distill-qwen-7b on this host with vLLM from vllm/vllm-openai:v0.32.0, or the same version installed otherwise.
#   VLLM_API_KEY=… sh engine.sh
# One engine a run, in the foreground, on port 8000. It listens to this machine alone unless HOST names another
# address of it: open that to Karez's machines and to nobody else.
set -eu
: "${VLLM_API_KEY:?give the key that Karez will send}"
export VLLM_API_KEY
export HF_HUB_OFFLINE=1
export VLLM_NO_USAGE_STATS=1
export DO_NOT_TRACK=1
exec vllm serve /srv/models/DeepSeek-R1-Distill-Qwen-7B --served-model-name deepseek-r1-distill-qwen-7b --host "${HOST:-127.0.0.1}" --port 8000 --tensor-parallel-size 1 --max-model-len 32768 --max-num-seqs 16 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92 --enable-prefix-caching --reasoning-parser deepseek_r1 --enable-prompt-tokens-details --max-num-queued-reqs 32
