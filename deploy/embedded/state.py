"""The state directory (`var/`, or KAREZ_STATE_DIR), and the lock of the one supervisor that owns it.

secrets.json   0600   generated passwords and keys
ports.json            the internal port of each service, kept between starts
access.json    0600   addresses and keys of the demonstration tenant (written by load_demo)
postgres/ valkey/ files/ static/ proxy/ chat/ log/ run/
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.errors import StartError, StateInUseError

SECRET_NAMES = (
    "secret_key",
    "postgres_superuser",
    "postgres_owner",
    "postgres_app",
    "valkey",
    "embedding_api_key",
    "engine_api_key",
)
SECRET_BYTES = 32
FOLDERS = ("chat", "files", "log", "proxy", "run", "valkey")


@dataclass(frozen=True, slots=True)
class Secrets:
    secret_key: str = field(repr=False)
    postgres_superuser: str = field(repr=False)
    postgres_owner: str = field(repr=False)
    postgres_app: str = field(repr=False)
    valkey: str = field(repr=False)
    embedding_api_key: str = field(repr=False)
    engine_api_key: str = field(repr=False)


def generate_secrets() -> Secrets:
    return Secrets(**{name: secrets.token_urlsafe(SECRET_BYTES) for name in SECRET_NAMES})


def write_private(*, path: Path, content: str) -> None:
    """Replace `path` atomically by a file that only its owner reads."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, object]:
    """The object in `path`; empty when the file does not exist."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StartError(f"{path} is damaged ({error}); restore it from a backup or move it away") from error
    if not isinstance(value, dict):
        raise StartError(
            f"{path} is damaged: a JSON object is expected; restore it from a backup or move it away"
        )
    return value


@dataclass(frozen=True, slots=True)
class State:
    directory: Path

    @property
    def secrets_file(self) -> Path:
        return self.directory / "secrets.json"

    @property
    def access_file(self) -> Path:
        return self.directory / "access.json"

    @property
    def ports_file(self) -> Path:
        return self.directory / "ports.json"

    @property
    def status_file(self) -> Path:
        return self.directory / "run" / "status.json"

    def folder(self, name: str) -> Path:
        return self.directory / name

    def log(self, process: str) -> Path:
        return self.directory / "log" / f"{process}.log"

    def prepare(self) -> None:
        """Create what is missing: a top that PostgreSQL's own account may pass through, and private folders.

        Raises StartError when the directory belongs to another account or cannot be written.
        """
        try:
            if not self.directory.exists():
                self.directory.mkdir(mode=0o711, parents=True)
            for name in FOLDERS:
                self.folder(name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StartError(self._not_ours(error)) from error
        if not os.access(self.folder("run"), os.W_OK | os.X_OK):
            raise StartError(self._not_ours("no permission"))

    def _not_ours(self, reason: object) -> str:
        return (
            f"The state directory {self.directory} cannot be used: {reason}. "
            "Start Karez as the account that owns it, or name another directory: KAREZ_STATE_DIR=… make up"
        )

    def secrets(self) -> Secrets:
        """Those generated at the first start; names that a newer version added are generated now."""
        try:
            known = read_json(self.secrets_file)
        except PermissionError as error:
            raise StartError(self._not_ours(error)) from error
        new = generate_secrets()
        complete = {name: str(known.get(name) or getattr(new, name)) for name in SECRET_NAMES}
        if complete != known:
            write_private(path=self.secrets_file, content=json.dumps({**known, **complete}, indent=1) + "\n")
        return Secrets(**complete)

    def write_status(self, status: Mapping[str, object]) -> None:
        write_private(path=self.status_file, content=json.dumps(status, indent=1) + "\n")

    def status(self) -> dict[str, object]:
        return read_json(self.status_file)

    def clear_status(self) -> None:
        self.status_file.unlink(missing_ok=True)


class Lock:
    """An exclusive lock that lives as long as the supervisor *or any leash* it started: they inherit it.

    So whoever takes it knows that nothing of an earlier, even killed, start is left.
    """

    def __init__(self, *, state: State) -> None:
        self._path = state.folder("run") / "lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def try_take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return True

    def holder(self) -> int | None:
        """The supervisor that took it last, if that process still exists."""
        text = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
        try:
            process_state = Path(f"/proc/{int(text)}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return None if process_state == "Z" else int(text)

    def take(self, *, seconds: float, waiting: Callable[[], None]) -> None:
        """Wait for the rest of a supervisor that is gone; a living one is a StateInUseError at once."""
        end = time.monotonic() + seconds
        told = False
        while not self.try_take():
            holder = self.holder()
            if holder is not None:
                raise StateInUseError(f"Karez already runs on this state (process {holder}).")
            if time.monotonic() > end:
                raise StateInUseError(f"Processes of an earlier start still hold {self._path}.")
            if not told:
                told = True
                waiting()
            time.sleep(0.1)

    def release(self) -> None:
        os.close(self._descriptor)
