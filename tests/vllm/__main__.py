"""`python -m tests.vllm`: have vLLM and its tiny models ready, and say where and how long it took."""

import sys
import time

from inference.bundled import default_cache_dir
from tests.vllm.environment import NotInstallableError, ensure_environment
from tests.vllm.models import ensure_models


def main() -> int:
    cache = default_cache_dir()
    begin = time.monotonic()
    try:
        environment = ensure_environment(cache=cache)
        installed = time.monotonic()
        models = ensure_models(environment=environment, cache=cache)
    except NotInstallableError as error:
        print(f"Real vLLM cannot be had here: {error}", file=sys.stderr)
        return 1
    print(f"{environment} in {installed - begin:.0f} s, {models} in {time.monotonic() - installed:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
