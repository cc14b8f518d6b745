"""The account PostgreSQL runs as when Karez is started by root, which PostgreSQL refuses to run as."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "karez"
FALLBACK = "nobody"
COMMAND_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def service_account(*, data: Path) -> Account | None:
    """None for an ordinary user, who runs everything himself.

    For root: the account that owns `data` already, else `karez` (created when it can be), else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return _by_uid(data.stat().st_uid, data.stat().st_gid)
    for attempt in (NAME, None, NAME, FALLBACK):
        if attempt is None:
            _create()
            continue
        try:
            entry = pwd.getpwnam(attempt)
        except KeyError:
            continue
        return Account(name=attempt, uid=entry.pw_uid, gid=entry.pw_gid)
    return Account(name="65534", uid=65534, gid=65534)


def _by_uid(uid: int, gid: int) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name=name, uid=uid, gid=gid)


def _create() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", NAME],
            check=False,  # read-only /etc: the fallback account serves
            capture_output=True,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return


def can_run(*, command: list[str], account: Account) -> bool:
    """Whether the command succeeds as that account: tests every directory above it, and mount options too."""
    try:
        result = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=COMMAND_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def can_enter(*, directory: Path, account: Account) -> bool:
    return can_run(command=["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)], account=account)
