"""Takes rights away from the current process before it reads a stranger's file. Linux only; each step stands
alone.

Order matters: what needs a right comes before the right is given up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

from rag.parsing.limits import MIB, ParseLimits

# The overflow id, "nobody" on Linux: it owns no file.
UNPRIVILEGED_ID = 65534

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_OPEN_FILES = 64
_FILE_BYTES = 16 * MIB

# AUDIT_ARCH value and the numbers of socket, connect, ptrace, execve, execveat, io_uring_setup
# (linux/unistd.h).
_SYSCALLS = {
    "x86_64": (0xC000003E, (41, 42, 101, 59, 322, 425)),
    "aarch64": (0xC00000B7, (198, 203, 117, 221, 281, 425)),
}
_BPF_LOAD, _BPF_EQUAL, _BPF_AT_LEAST, _BPF_RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EACCES
_X32_BIT = 0x40000000

# linux/landlock.h; the numbers of the calls are the same on every architecture. Rights known since version 1, 2, 3, 5.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
_READ_FILE = 1 << 2
_READ = _READ_FILE | 1 << 3  # and list folders
# And write, truncate, make and remove files and folders.
_READ_WRITE = _READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 14
_SCOPE_ALL = 0b11  # abstract sockets and signals
# Python looks types, zones and shared libraries up there.
_READABLE = ("/usr", "/lib", "/lib64", "/etc/mime.types", "/etc/localtime", "/dev/null")


def die_with_parent(*, parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even by SIGKILL; exit if it already has."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(*, limits: ParseLimits) -> None:
    """Bound memory, processor time, files and processes; no core dumps."""
    cpu = max(int(limits.cpu_seconds), 1)
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, value in wanted.items():
        _set_limit(kind, value, value)
    _set_limit(resource.RLIMIT_CPU, cpu, cpu + 1)


def leave_network() -> None:
    """Move into an empty network namespace where the kernel lets us."""
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    _libc().unshare(flags)


def die_first() -> None:
    """Offer this process, not the worker, to the kernel when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def drop_privileges() -> None:
    """Stop being root, for good; without effect for an ordinary user."""
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        os.setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    except OSError as error:  # a user namespace may not know the id: the other fences still stand
        sys.stderr.write(f"cannot drop privileges: {error}\n")


def landlock_version() -> int:
    """Of the kernel's file fences; 0 where it has none."""
    return max(int(_libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)), 0)


def confine_files(*, home: str) -> None:
    """See no file but those below `home`, and code; send no signal to another process where the kernel knows how (6.12).

    What the worker's own account may read, all tenants' documents among it, is no business of a parser. Without effect
    where the kernel has no Landlock.
    """
    version = landlock_version()
    if version < 1:
        return
    libc = _libc()
    handled = _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]
    fields = (handled,) if version < 4 else (handled, 0) if version < 6 else (handled, 0, _SCOPE_ALL)
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    _allow_beneath(ruleset, home, handled & _READ_WRITE)
    for path in (*_READABLE, sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[1])):
        _allow_beneath(ruleset, path, _READ)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def _allow_beneath(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system, or out of sight already
    try:
        if not Path(path).is_dir():
            rights &= _READ_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, beneath), 12)
        _libc().syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0)
    finally:
        os.close(beneath)


def forbid_syscalls() -> None:
    """Refuse sockets and new programs from now on, in this process and any it might start."""
    known = _SYSCALLS.get(platform.machine())
    if known is None:
        return
    arch, numbers = known
    program = _filter(arch, numbers)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(buffer)))
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0)


def _filter(arch: int, numbers: tuple[int, ...]) -> bytes:
    """A BPF program: another architecture's calls and the listed ones fail with EACCES, all else passes."""
    count = len(numbers)
    steps = [
        (_BPF_LOAD, 0, 0, 4),
        (_BPF_EQUAL, 0, count + 3, arch),
        (_BPF_LOAD, 0, 0, 0),
        (_BPF_AT_LEAST, count + 1, 0, _X32_BIT),
        *((_BPF_EQUAL, count - place, 0, number) for place, number in enumerate(numbers)),
        (_BPF_RETURN, 0, 0, _ALLOW),
        (_BPF_RETURN, 0, 0, _DENY),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (soft, hard))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
