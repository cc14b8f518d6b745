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
