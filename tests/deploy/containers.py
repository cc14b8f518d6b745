"""A service of docker-compose.yml started without Docker, as root: a read-only root with the declared places alone to
write to, the declared account without capabilities, the declared secrets under /run/secrets, and no variable but the
declared ones and those of the image."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

APP = "/mnt"  # of the stand-in root; an image has its own


@dataclass(frozen=True)
class Container:
    """`root` becomes the root, read-only; `binds`: source to target, also read-only."""

    service: Mapping[str, Any]
    directory: Path
    secrets: Path
    root: Path
    image_environment: Mapping[str, str]
    app: str
    volumes: Mapping[str, Path]
    binds: Mapping[str, str] = field(default_factory=dict)
    python: str = "python"

    def command(self, words: list[str]) -> list[str]:
        """As root, in a mount namespace of its own that ends with the command."""
        script = "\n".join([*self._mounts(), f"exec {shlex.join(self._entered(words))}"])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script]

    def start(self, *, words: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            return subprocess.Popen(
                self.command([self.python, *words]), stdout=file, stderr=file, start_new_session=True
            )

    def healthy(self, *, port: str) -> bool:
        """By its own health check, in the same surroundings: its /tmp, but not its network, is shared."""
        test = [word.replace(":8000", f":{port}") for word in self.service["healthcheck"]["test"][1:]]
        words = [self.python, *test[1:]] if test[0] == "python" else test
        return (
            subprocess.run(self.command(words), capture_output=True, timeout=30, check=False).returncode == 0
        )

    def _mounts(self) -> list[str]:
        new = self.directory / "root"
        new.mkdir(parents=True, exist_ok=True)
        run, state = self.directory / "run", self.directory / "lib"
        lines = [f"mount --bind {self.root} {new}", f"mount -o remount,bind,ro {new}"]
        lines += [f"mount --rbind /{name} {new}/{name}" for name in ("proc", "dev")]
        for target, source in self.binds.items():
            lines += [f"mount --bind {source} {new}{target}", f"mount -o remount,bind,ro {new}{target}"]
        # /run and /var/lib, whatever the stand-in has there, hold what is declared and nothing else.
        for path, target in ((run, "run"), (state, "var/lib")):
            path.mkdir(exist_ok=True)
            lines += [f"mount --bind {path} {new}/{target}"]
        (run / "secrets").mkdir(exist_ok=True)
        (run / "secrets").chmod(0o755)
        for name in self.service.get("secrets", ()):
            (run / "secrets" / name).touch()
            lines.append(f"mount --bind {self.secrets / name} {new}/run/secrets/{name}")
        for volume in self.service.get("volumes", ()):
            source, target, *options = volume.split(":")
            if target.startswith("/var/lib/"):
                (state / target.removeprefix("/var/lib/")).mkdir(exist_ok=True)
            lines.append(f"mount --bind {self.volumes[source]} {new}{target}")
            lines += [f"mount -o remount,bind,ro {new}{target}"] if options == ["ro"] else []
        for target in ("run", "var/lib"):
            lines.append(f"mount -o remount,bind,ro {new}/{target}")
        return [*lines, *self._temporary(new), f"cd {new}"]

    def _temporary(self, new: Path) -> list[str]:
        """Directories that outlive the namespace, so that the health check sees them; as unwritable as tmpfs is elsewhere."""
        lines = []
        for entry in self.service.get("tmpfs", ()):
            target = entry.partition(":")[0]
            place = self.directory / target.strip("/").replace("/", "-")
            place.mkdir(exist_ok=True)
            place.chmod(0o1777)
            lines += [
                f"mount --bind {place} {new}{target}",
                f"mount -o remount,bind,noexec,nosuid,nodev {new}{target}",
            ]
        return lines

    def _entered(self, words: list[str]) -> list[str]:
        uid, gid = self.service["user"].split(":")
        ids = ["--reuid", uid, "--regid", gid, "--clear-groups"]
        drop = ["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "--pdeathsig", "KILL"]
        given = {**self.image_environment, **self.service.get("environment", {})}
        variables = [f"{name}={value}" for name, value in given.items()]
        inside = ["env", "-i", *variables, "sh", "-c", 'cd "$0" && exec "$@"', self.app, *words]
        return ["chroot", ".", "setpriv", *ids, *drop, *inside]


def end(program: subprocess.Popen[bytes], *, seconds: float = 20) -> int:
    """Its exit status, after a polite request."""
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGTERM)
    try:
        return program.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        return -signal.SIGKILL
