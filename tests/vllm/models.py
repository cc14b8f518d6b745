"""The tiny models, made once for each state of what they are made from."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.vllm.environment import NotInstallableError, locked, program_environment

HERE = Path(__file__).parent
SOURCES = (HERE / "make_models.py", HERE / "dialogues.json", HERE / "chat_template.jinja")
LATENT, DENSE = "tiny-r1", "tiny-dense"
TRAINING_SECONDS = 900


def ensure_models(*, environment: Path, cache: Path) -> Path:
    """The folder that holds `tiny-r1` and `tiny-dense`. Raises NotInstallableError."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:12]
    folder = cache / f"vllm-models-{digest}"
    if folder.exists():
        return folder
    with locked(cache / "vllm-models.lock"):
        if not folder.exists():
            _make(environment=environment, folder=folder)
    return folder


def _make(*, environment: Path, folder: Path) -> None:
    unfinished = folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    # Matrices this small are faster on one core than shared between two that have other work.
    settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [environment / "bin/python", SOURCES[0], unfinished],
        env=program_environment(os.environ) | settings,
        capture_output=True,
        text=True,
        timeout=TRAINING_SECONDS,
        check=False,
    )
    if result.returncode:
        raise NotInstallableError(f"the tiny models were not made: {result.stderr.strip()[-1500:]}")
    unfinished.rename(folder)
