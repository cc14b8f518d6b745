"""Debian's chromium-headless-shell beside the installed chromium: the same engine of the same version without the browser's own
windows and menus, which take half of the processor's time in these tests.

It is taken from the distribution's archive, for whoever runs the tests and without installing anything: unpacked into the cache
(`KAREZ_CACHE_DIR`), with links to the files it shares with the installed browser. Where that cannot be had, the browser itself
does.
"""

import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

from inference.bundled.fetch import default_cache_dir

NAME = "chromium-headless-shell"
# Where Debian's packages have their files.
_INSTALLED = Path("/usr/lib/chromium")
_SECONDS = 180.0


def obtain() -> str | None:
    """The path of the program; None where there is none for the installed browser. A failed attempt is told as a warning."""
    if found := shutil.which(NAME):
        return found
    if not (_INSTALLED.is_dir() and shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    try:
        return str(_kept(_version()))
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", b"") or b""
        warnings.warn(f"no {NAME}: {error} {told.decode(errors='replace')[-300:]}", stacklevel=2)
        return None


def _version() -> str:
    return _run("dpkg-query", "--show", "--showformat=${Version}", "chromium")


def _kept(version: str) -> Path:
    folder = default_cache_dir() / f"{NAME}-{version}"
    program = folder / NAME
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{NAME}-") as scratch:
            made = _unpacked(Path(scratch), version)
            _run(str(made / NAME), "--version")
            if not program.exists():  # another run may have been faster
                made.rename(folder)
    return program


def _unpacked(scratch: Path, version: str) -> Path:
    _run("apt-get", "download", f"{NAME}={version}", folder=scratch)
    (package,) = scratch.glob("*.deb")
    _run("dpkg-deb", "--extract", str(package), str(scratch / "all"))
    made = scratch / "all" / _INSTALLED.relative_to("/")
    for shared in _INSTALLED.iterdir():
        if not (made / shared.name).exists():
            (made / shared.name).symlink_to(shared)
    return made


def _run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=True)
    return done.stdout.decode().strip()
