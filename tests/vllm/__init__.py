"""Real vLLM, on the CPU, with models that the suite makes itself: `python -m tests.vllm` prepares both ahead of a run."""
