"""`python -m tests.e2e.without_network COMMAND …`: runs it in a network of its own that has a loopback and no way out."""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
REFUSED = 77  # exit status where the kernel allows no namespace


def leave_the_network() -> None:
    """Raises OSError where the kernel does not let us."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET if uid == 0 else CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def main(command: list[str]) -> None:
    try:
        leave_the_network()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
