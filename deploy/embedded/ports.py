"""Free TCP ports below the ephemeral range, where no outgoing connection can sit on them by chance."""

import json
import random
import socket
from pathlib import Path

from deploy.embedded.errors import PortTakenError
from deploy.embedded.state import State, read_json, write_private

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20000, 32700


def is_free(*, port: int, host: str = LOOPBACK) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def find_free(*, taken: frozenset[int] = frozenset()) -> int:
    """A random one, so that two starts at the same moment do not meet."""
    for _ in range(1000):
        port = random.randint(FIRST, LAST)  # noqa: S311 - no secret
        if port not in taken and is_free(port=port):
            return port
    raise PortTakenError(f"no free port between {FIRST} and {LAST}")


def remembered(*, state: State, names: tuple[str, ...]) -> dict[str, int]:
    """A port for each name: the one of the last start where it is still free, else a new one."""
    known = read_json(state.ports_file)
    ports: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        if not isinstance(port, int) or port in ports.values() or not is_free(port=port):
            port = find_free(taken=frozenset(ports.values()))
        ports[name] = port
    if ports != known:
        write_private(path=state.ports_file, content=json.dumps(ports) + "\n")
    return ports


def require_free(*, port: int, host: str) -> None:
    """Raises PortTakenError, which names who listens, if that can be seen, and a port that is free."""
    if is_free(port=port, host=host):
        return
    other = next((number for number in range(port + 1, port + 200) if is_free(port=number, host=host)), None)
    owner = listener(port=port)
    raise PortTakenError(
        f"Port {port} is already in use{f' by {owner}' if owner else ''}. "
        f"Choose another one: KAREZ_PORT={other or find_free()} make up"
    )


def listener(*, port: int) -> str | None:
    """`name (process N)` of whoever listens on the port, if we may see it."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if links & inodes:
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None


def _listening_inodes(port: int) -> set[str]:
    listening, suffix = "0A", f":{port:04X}"
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in map(str.split, rows):
            if row[3] == listening and row[1].endswith(suffix):
                inodes.add(f"socket:[{row[9]}]")
    return inodes
