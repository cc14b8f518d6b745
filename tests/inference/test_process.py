"""What server processes do before they load a model."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.inference.conftest import REPOSITORY


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, "argument"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_environment_is_set_before_anything_is_mapped() -> None:
    code = (
        "import os, sys; start = os.getpid()\n"
        "from inference.process import ensure_environment\n"
        "ensure_environment(required={'OMP_WAIT_POLICY': 'passive'})\n"
        "raw = open('/proc/self/environ').read()\n"
        "print('OMP_WAIT_POLICY=passive' in raw, sys.argv[1:])"
    )
    assert run(code, OMP_WAIT_POLICY="active").stdout == "True ['argument']\n"


def test_a_parent_that_is_already_gone() -> None:
    code = (
        "import os\nfrom inference.process import die_with_parent\n"
        "die_with_parent(); print('alive', os.environ.get('KAREZ_PARENT_PID'))"
    )
    assert run(code, KAREZ_PARENT_PID="1").returncode == 1
    assert run(code, KAREZ_PARENT_PID=str(os.getpid())).stdout == "alive None\n"
